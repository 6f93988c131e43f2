import { expect } from 'chai';
import { namesFor } from '../../../src/broker/topology/topology.js';
import { FlotillaError } from '../../../src/errors.js';
import { FaultLog } from '../../../src/telemetry/fault-log.js';
import { openMessage, type Message } from '../../../src/worker/pipeline/message.js';
import { publishUntilConfirmed } from '../../../src/worker/pipeline/publish-until-confirmed.js';
import { recordingLogger } from '../../support/recording-logger.js';

function someMessage(): Message {
  return openMessage(
    {
      queue: 'payment',
      exchange: 'events',
      routingKey: 'payment.process',
      body: Buffer.from('{}'),
      properties: { headers: {} },
      redelivered: false,
      lost: new AbortController().signal,
      ack: () => undefined,
      requeue: () => undefined,
    },
    0,
  );
}

describe('the copies of failed messages', () => {
  it('are reported once when they are not confirmed, and once when all of them are', async () => {
    const { logger, lines } = recordingLogger('warn');
    const refusals = new Map([
      ['soon', 1],
      ['later', 3],
    ]);
    const context = {
      name: 'payment',
      names: namesFor(''),
      publisher: {
        ready: () => Promise.resolve(),
        publish: ({ routingKey }: { routingKey: string }) => {
          const left = refusals.get(routingKey) ?? 0;
          refusals.set(routingKey, left - 1);
          return left > 0 ? Promise.reject(new FlotillaError('broker.timeout')) : Promise.resolve();
        },
      },
      signal: new AbortController().signal,
      unpublished: new Set<Message>(),
      unconfirmed: new FaultLog(logger, 'error'),
    };
    const copy = (routingKey: string) =>
      publishUntilConfirmed(context, someMessage(), { exchange: 'retries', routingKey, headers: {} });
    const [soon, later] = [copy('soon'), copy('later')];
    expect(await soon).to.equal(true);
    expect(lines).to.have.length(1);
    expect(await later).to.equal(true);
    expect(lines.map(({ level, message, exchange }) => [level, message, exchange])).to.deep.equal([
      ['error', 'The copy of a failed message was not confirmed; retrying', 'retries'],
      ['error', 'The copies of failed messages are confirmed again', undefined],
    ]);
    expect(context.unpublished.size).to.equal(0);
  });
});
