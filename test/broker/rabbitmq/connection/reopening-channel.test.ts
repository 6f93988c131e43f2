import { EventEmitter, once } from 'node:events';
import type { Channel } from 'amqplib';
import { expect } from 'chai';
import { StateCell } from '../../../../src/broker/broker-state.js';
import type { Connection } from '../../../../src/broker/rabbitmq/connection/connection.js';
import { ReopeningChannel } from '../../../../src/broker/rabbitmq/connection/reopening-channel.js';
import { recordingLogger } from '../../../support/recording-logger.js';

describe('a channel that the broker closes again and again', () => {
  it('is reported once a minute for the same reason, also if each channel was stable before', async () => {
    const { logger, lines } = recordingLogger('warn');
    const state = new StateCell();
    state.set('ready');
    const connection = { state, cut: () => undefined } as unknown as Connection;
    const openings = new EventEmitter();
    let now = 0;
    const reopening = new ReopeningChannel<Channel>({
      connection,
      logger,
      purpose: 'publish',
      open: () => Promise.resolve(Object.assign(new EventEmitter(), { close: () => Promise.resolve() }) as Channel),
      opened: async (channel) => void openings.emit('opened', channel),
      missing: () => undefined,
      lost: () => undefined,
      now: () => now,
    });
    const refuse = async (after: number, reason: string) => {
      const [channel] = (await once(openings, 'opened')) as [Channel];
      now += after;
      setImmediate(() => {
        channel.emit('error', Object.assign(new Error(reason), { code: 403 }));
        channel.emit('close');
      });
    };
    await refuse(0, 'write refused');
    await refuse(4_000, 'write refused');
    await refuse(4_000, 'write refused');
    await refuse(4_000, 'read refused');
    await refuse(60_000, 'write refused');
    const [last] = (await once(openings, 'opened')) as [Channel];
    setImmediate(() => last.emit('close'));
    await reopening.close();
    const entry = { level: 'warn', message: 'the broker closed a channel', purpose: 'publish' };
    expect(lines).to.deep.equal([
      { ...entry, reason: 'write refused' },
      { ...entry, reason: 'read refused' },
      { ...entry, reason: 'write refused', suppressed: 2 },
    ]);
  });
});
