import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import type { Broker, Delivery } from '../../../../src/broker/broker.js';
import { createRabbitBroker } from '../../../../src/broker/rabbitmq/broker.js';
import type { Names, Topology } from '../../../../src/broker/topology/topology.js';
import { namesFor, topologyOf } from '../../../../src/broker/topology/topology.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { inbox } from '../../../support/inbox.js';
import { recordingLogger } from '../../../support/recording-logger.js';
import type { TestBroker } from '../../../support/rabbitmq.js';
import { cleanUp, testBroker } from '../../../support/rabbitmq.js';
import { eventually } from '../../../support/eventually.js';
import { asEarlierRelease, options } from '../support/earlier-release.js';

describe('the classic queue for unrouted messages of an earlier release', function () {
  this.timeout(120_000);
  let real: TestBroker;
  let names: Names;
  let wanted: Topology;
  const open: Broker[] = [];

  const connected = (managementUrl: string | undefined = real.managementUrl, logger = silentLogger()): Broker => {
    const broker = createRabbitBroker({
      url: real.amqpUrl,
      ...(managementUrl !== '' && { managementUrl }),
      connectionName: 'test',
      logger,
    });
    open.push(broker);
    return broker;
  };
  const readyIn = async (broker: Broker, queue: string) => (await broker.queueDepth(queue))?.ready;
  /** Message ids in the order of the queue. */
  async function content(broker: Broker, count: number): Promise<Delivery[]> {
    const received = inbox<Delivery>();
    const consumer = broker.consume(names.unroutedQueue, { prefetch: 0, onDelivery: received.put });
    const all: Delivery[] = [];
    while (all.length < count) all.push(await received.next());
    await consumer.close();
    return all;
  }
  const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ properties }) => properties.messageId ?? '');
  const numbered = (first: number, count: number) => Array.from({ length: count }, (_, i) => `m${first + i}`);

  beforeEach(async () => {
    real = await testBroker();
    names = namesFor(real.prefix);
    wanted = topologyOf([], { prefix: real.prefix, ...options });
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((broker) => broker.close()));
    await cleanUp(real.prefix);
  });

  for (const management of [true, false]) {
    it(`is emptied into its successor in order and deleted, ${management ? 'with' : 'without'} the management API`, async () => {
      await asEarlierRelease(real.amqpUrl, real.prefix, { count: 500 });
      const broker = connected(management ? undefined : '');
      await broker.ready();
      expect((await broker.planTopology(wanted)).filter(({ problem }) => problem === 'retired')).to.deep.equal([
        {
          kind: 'queue',
          name: names.unrouted,
          problem: 'retired',
          detail: `its messages move to ${names.unroutedQueue}`,
        },
      ]);
      await broker.applyTopology(wanted);
      expect(await broker.queueDepth(names.unrouted)).to.equal(undefined);
      const moved = await content(broker, 500);
      expect(ids(moved)).to.deep.equal(numbered(0, 500));
      expect(moved[7]?.properties).to.deep.include({ type: 'nothing.n7', contentType: 'text/plain' });
      expect(moved[7]?.properties.headers).to.deep.include({ number: 7 });
      expect(moved[7]?.routingKey).to.equal('nothing.n7');
      expect((await broker.planTopology(wanted)).filter(({ problem }) => problem === 'retired')).to.deep.equal([]);
    });
  }

  it('is emptied once where several processes start at the same time', async () => {
    await asEarlierRelease(real.amqpUrl, real.prefix, { count: 1000 });
    const { logger, lines } = recordingLogger('debug');
    const brokers = [undefined, undefined, undefined, ''].map((management) => connected(management, logger));
    await Promise.all(brokers.map((broker) => broker.applyTopology(wanted)));
    const [broker = connected()] = brokers;
    await eventually(async () => (await broker.queueDepth(names.unrouted)) === undefined);
    const failures = lines.filter(({ message }) =>
      message.startsWith('a queue of an earlier release cannot be emptied'),
    );
    const refused = /in (exclusive )?use\b|no queue/;
    expect(failures.map(({ reason }) => String(reason)).filter((reason) => !refused.test(reason))).to.deep.equal([]);
    expect(await readyIn(broker, names.unroutedQueue)).to.equal(1000);
    expect(ids(await content(broker, 1000))).to.deep.equal(numbered(0, 1000));
  });

  it('loses no message where processes are killed while they empty it', async () => {
    await asEarlierRelease(real.amqpUrl, real.prefix, { count: 300 });
    for (const point of ['broker.message_moved:1', 'broker.message_moved:150', 'broker.queue_emptied']) {
      const child = fork(new URL('../fixtures/apply-process.ts', import.meta.url), [point, real.prefix, real.amqpUrl]);
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(signal, point).to.equal('SIGKILL');
    }
    const broker = connected();
    await broker.applyTopology(wanted);
    await eventually(async () => (await broker.queueDepth(names.unrouted)) === undefined);
    const ready = (await readyIn(broker, names.unroutedQueue)) ?? 0;
    const all = ids(await content(broker, ready));
    expect([...new Set(all)]).to.deep.equal(numbered(0, 300));
    expect(all.length, 'a kill repeats what was not acked, and no more').to.be.lessThan(300 + 2 * 100 + 1);
  });

  it('keeps messages that its successor rejects, and moves them when the successor has space', async () => {
    await asEarlierRelease(real.amqpUrl, real.prefix, { count: 300 });
    const small: Topology = {
      exchanges: [{ name: names.unrouted, type: 'fanout' }],
      queues: [
        {
          name: names.unroutedQueue,
          arguments: { 'x-queue-type': 'quorum', 'x-max-length': 20, 'x-overflow': 'reject-publish' },
        },
      ],
      bindings: [{ source: names.unrouted, destination: names.unroutedQueue, kind: 'queue', routingKey: '' }],
      ...(wanted.retired !== undefined && { retired: wanted.retired }),
    };
    const broker = connected();
    const left = await broker.applyTopology(small);
    expect(left.map(({ name, problem }) => `${problem} ${name}`)).to.include(`retired ${names.unrouted}`);
    const seen = new Set<string>();
    broker.consume(names.unroutedQueue, {
      prefetch: 10,
      onDelivery: (delivery) => {
        seen.add(delivery.properties.messageId ?? '');
        delivery.ack();
      },
    });
    await eventually(() => seen.size === 300);
    await eventually(async () => (await broker.queueDepth(names.unrouted)) === undefined);
  });

  it('is emptied again where the earlier release, which continues to work, has declared it again', async () => {
    await asEarlierRelease(real.amqpUrl, real.prefix, { count: 10 });
    const broker = connected();
    await broker.applyTopology(wanted);
    await asEarlierRelease(real.amqpUrl, real.prefix, { first: 10, count: 10 });
    await connected().applyTopology(wanted);
    expect(await broker.queueDepth(names.unrouted)).to.equal(undefined);
    // both queues were bound meanwhile: a duplicate, as after every kill
    expect([...new Set(ids(await content(broker, 30)))]).to.deep.equal(numbered(0, 20));
  });

  it('remains while it is in use, and is emptied afterwards without a restart', async () => {
    await asEarlierRelease(real.amqpUrl, real.prefix, { count: 10 });
    const broker = connected();
    const held = inbox<Delivery>();
    const consumer = broker.consume(names.unrouted, { prefetch: 3, onDelivery: held.put });
    for (let i = 0; i < 3; i += 1) await held.next();
    const left = await broker.applyTopology(wanted);
    expect(left.map(({ name, problem }) => `${problem} ${name}`)).to.include(`retired ${names.unrouted}`);
    await consumer.close();
    await eventually(async () => (await broker.queueDepth(names.unrouted)) === undefined);
    expect(new Set(ids(await content(broker, 10)))).to.deep.equal(new Set(numbered(0, 10)));
  });
});
