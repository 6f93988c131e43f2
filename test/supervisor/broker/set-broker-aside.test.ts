import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { namesFor } from '../../../src/broker/topology/topology.js';
import { operatorPlace } from '../../../src/cli/shared/session.js';
import { brokerRecovery } from '../../../src/runtime/operator/broker-recovery.js';
import * as dead from '../../../src/cli/commands/dead/index.js';
import * as topology from '../../../src/cli/commands/topology/index.js';
import { messageOf } from '../../../src/errors.js';
import { defineFleet } from '../../../src/fleet/define-fleet.js';
import { createRelay } from '../../../src/outbox/relay.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { endRabbitNode, startRabbitNode, type RabbitNode } from '../../../src/supervisor/broker/rabbitmq-node.js';
import { dataVersion, recordDataVersion } from '../../../src/supervisor/broker/rabbitmq-node/version.js';
import { prepareRefill, refillIfPending, startOrSetAside } from '../../../src/supervisor/broker/set-broker-aside.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import {
  publishDeadLetters,
  deadLetterMessage,
  takeMessages,
  payments,
} from '../../dead-letters/support/dead-letter-fixture.js';
import { codeOf } from '../../contract/broker.js';
import { contextFor, runCommand } from '../../support/command.js';
import { eventually } from '../../support/eventually.js';

const fleet = defineFleet({
  catalogue: payments,
  workers: [
    payments.defineWorker({ name: 'payment', on: { 'payment.process': () => undefined }, retry: { delays: ['1h'] } }),
  ],
  api: { store: 'core', routes: [] },
});
const names = namesFor('');
const logger = silentLogger();

/** Another RabbitMQ, which cannot read the data of the installed one. If unset, the version of the data is forged. */
const { FLOTILLA_TEST_OTHER_RABBITMQ: other } = process.env;

describe('a broker with data of another RabbitMQ version', function () {
  this.timeout(240_000);
  let folder: string;
  let node: RabbitNode | undefined;
  const said: string[] = [];

  before(async () => (folder = await mkdtemp(join(tmpdir(), 'flotilla-aside-'))));
  after(async () => {
    await node?.stop();
    await endRabbitNode(join(folder, 'rabbitmq'));
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (server?: string) =>
    (node = await startRabbitNode({
      dataDir: join(folder, 'rabbitmq'),
      logger,
      ...(process.env.PATH !== undefined && { searchPath: process.env.PATH }),
      ...(server !== undefined && { server }),
    }));
  const env = () => ({
    DATA_DIR: folder,
    ...(node && { AMQP_URL: node.amqpUrl, AMQP_MANAGEMENT_URL: node.managementUrl }),
  });
  const run = async (...args: string[]) => {
    const result = await runCommand({ modules: [topology, dead], fleet, env: env(), cwd: folder }, args);
    expect(result.code, `${args.join(' ')}: ${result.said}`).to.equal(0);
    return result.out;
  };
  const recovery = (allowed: boolean) =>
    brokerRecovery(
      fleet,
      operatorPlace(
        contextFor({ fleet, env: env(), cwd: folder }, { print: () => undefined, say: (line) => said.push(line) }),
      ),
      { allowed, wanted: false },
    );
  const attempt = (allowed: boolean) =>
    startOrSetAside(
      folder,
      recovery(allowed),
      (line) => said.push(line),
      () => start(other),
    );
  const asides = async () => (await readdir(folder)).filter((name) => name.startsWith('rabbitmq-'));

  it('is set aside and refilled with exactly the unhandled messages', async () => {
    const first = await start();
    await run('topology', 'apply');
    const letters = ['waiting', 'retried', 'dead', 'discarded', 'handled', 'replayed'].map((orderId) =>
      deadLetterMessage({ orderId }),
    );
    const ids = new Map(letters.map(({ event }) => [event.subject.replace('order/', ''), event.id]));
    const core = await openSqliteStore({ service: 'core', path: join(folder, 'core.db') });
    for (const { event } of letters) await core.append(event.subject, 'any', [event]);
    const broker = createRabbitBroker({ url: first.amqpUrl, connectionName: 'test', logger });
    const publisher = broker.createPublisher();
    await publisher.ready();
    const relaying = new AbortController();
    const relay = createRelay({ store: core, broker, names, instance: 'test' }).run(relaying.signal);
    await eventually(async () => expect(await core.checkpoint('relay')).to.equal(await core.head()));
    relaying.abort();
    await relay;

    // the location of each message when the broker ends
    const deliveries = await takeMessages(broker, names.queue('payment'), letters.length);
    const payment = await openSqliteStore({ service: 'payment', path: join(folder, 'payment.db') });
    const deliveryOf = (orderId: string) =>
      deliveries.find(({ properties }) => properties.messageId === ids.get(orderId)) ?? expect.fail(orderId);
    await payment.markHandled({ consumer: 'payment', source: 'core', id: ids.get('handled') ?? '' });
    for (const [orderId, queue] of [
      ['waiting', names.queue('payment')],
      ['retried', names.retry('payment', 3_600_000)],
    ] as const) {
      const { body, properties } = deliveryOf(orderId);
      await publisher.publish({ exchange: '', routingKey: queue, body, properties, mandatory: true });
    }
    const deadLetterFor = (orderId: string) =>
      letters.find(({ event }) => event.subject === `order/${orderId}`) ?? expect.fail(orderId);
    await (await openSqliteStore({ service: 'ops', path: join(folder, 'ops.db') })).close();
    await publishDeadLetters({ publisher, names }, deadLetterFor('discarded'), deadLetterFor('replayed'));
    await run('dead', 'collect');
    await run('dead', 'discard', '--subject', 'order/discarded', '--reason', 'test');
    await run('dead', 'replay', '--subject', 'order/replayed');
    await publishDeadLetters({ publisher, names }, deadLetterFor('dead'));
    for (const part of [publisher, broker, core, payment]) await part.close();
    await first.stop();

    if (other === undefined) {
      const installed = await dataVersion(join(folder, 'rabbitmq'));
      await recordDataVersion(join(folder, 'rabbitmq'), installed?.startsWith('3.') ? '4.3.6' : '3.10.8');
    }
    const refused = await attempt(false).catch((error: unknown) => error);
    expect(messageOf(refused))
      .to.match(/RabbitMQ \d+\.\d+\.\d+ wrote .*rabbitmq, and \d+\.\d+\.\d+, which is installed, cannot start on it/)
      .and.contain('--set-broker-aside')
      .and.not.contain('\n');
    expect(await asides()).to.deep.equal([]);

    // a missing store is no proof that a message was handled
    await rename(join(folder, 'payment.db'), join(folder, 'hidden.db'));
    expect(await codeOf(attempt(true))).to.equal('broker.not_recoverable');
    expect(await asides()).to.deep.equal([]);
    await rename(join(folder, 'hidden.db'), join(folder, 'payment.db'));

    const second = await attempt(true);
    expect(said.join('\n')).to.contain('Not handled, to be sent again: payment 4.');
    expect(await asides()).to.have.length(1);
    // the process ends in the middle, and the step is repeated
    const interrupted = { ...recovery(true), refill: () => Promise.reject(new Error('killed')) };
    expect(await codeOf(refillIfPending(folder, interrupted, second))).to.equal('killed');
    await refillIfPending(folder, recovery(true), second);
    await refillIfPending(folder, interrupted, second);
    await prepareRefill(folder, recovery(true), () => undefined);
    await refillIfPending(folder, interrupted, second);
    await prepareRefill(folder, { ...recovery(true), wanted: true }, () => undefined);
    expect(await codeOf(refillIfPending(folder, interrupted, second))).to.equal('killed');

    const after = createRabbitBroker({ url: second.amqpUrl, connectionName: 'test', logger });
    await after.ready();
    await eventually(async () => expect((await after.queueDepth(names.queue('payment')))?.ready).to.equal(4));
    const again = await takeMessages(after, names.queue('payment'), 4);
    expect(again.map(({ properties }) => properties.messageId)).to.have.members(
      ['waiting', 'retried', 'dead', 'replayed'].map((orderId) => ids.get(orderId)),
    );
    const { body, properties } = deliveryOf('waiting');
    const copy = again.find(({ properties: { messageId } }) => messageId === ids.get('waiting'));
    expect(copy?.body).to.deep.equal(body);
    expect(copy?.properties).to.deep.equal(properties);
    await after.close();
    await second.stop();
  });
});
