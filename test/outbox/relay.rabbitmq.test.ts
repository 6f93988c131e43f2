import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Broker } from '../../src/broker/broker.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../../src/broker/topology/topology.js';
import { lastEntry } from '../../src/event-log/reading/log-bounds.js';
import { countDeferred } from '../../src/outbox/deferred/deferred-rows.js';
import { createRelay } from '../../src/outbox/relay.js';
import { refusalsLine } from '../../src/outbox/deferred/refused-types.js';
import { createLogger, silentLogger } from '../../src/telemetry/logger.js';
import { eventOf } from '../contract/store-events.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { manage } from '../support/management.js';
import { cleanUp, testBroker, type TestBroker } from '../support/rabbitmq.js';
import { eventually } from '../support/eventually.js';

const child = fileURLToPath(new URL('./fixtures/relay-process.ts', import.meta.url));
const log = { maxAge: '1h', maxBytes: 10_000_000 };

describe('relay on RabbitMQ', function () {
  this.timeout(60_000);
  let rabbit: TestBroker;
  let broker: Broker;
  let temp: TempStore;
  beforeEach(async () => {
    rabbit = await testBroker();
    const { amqpUrl: url, managementUrl, prefix } = rabbit;
    broker = createRabbitBroker({ url, managementUrl, connectionName: 'relay-test', logger: silentLogger() });
    await broker.applyTopology(
      topologyOf([{ name: 'all', patterns: ['#'], retryDelays: [] }], { prefix, log, unroutedMax: 10 }),
    );
    temp = await createTempStore();
  });
  afterEach(async () => {
    await broker.close();
    await temp.dispose();
    await cleanUp(rabbit.prefix);
  });

  for (const failpoint of ['relay.published:150', 'relay.confirmed:1']) {
    it(`loses nothing and keeps the order of subjects when its holder is killed at ${failpoint}`, async () => {
      const { amqpUrl, prefix } = rabbit;
      const store = await temp.open();
      for (let n = 0; n < 100; n++) {
        const subject = `s/${n}`;
        await store.append(
          subject,
          'none',
          [1, 2, 3].map(() => eventOf(subject)),
        );
      }
      const process = fork(child, [temp.path, amqpUrl, prefix, failpoint]);
      const [, signal] = (await once(process, 'exit')) as [number | null, string | null];
      expect(signal).to.equal('SIGKILL');
      const before = await store.checkpoint('relay');

      const abort = new AbortController();
      const running = createRelay({ store, broker, names: namesFor(prefix), instance: 'next', leaseTtl: 1_000 }).run(
        abort.signal,
      );
      await eventually(async () => (await store.checkpoint('relay')) === (await store.head()));
      abort.abort();
      await running;

      const arrived = await takeAll(broker, namesFor(prefix).queue('all'));
      const stored = await store.readAll(0);
      expect(before).to.be.lessThan(stored.length);
      expect(arrived.length).to.be.greaterThan(stored.length);
      const firsts = [...new Map(arrived.map((message) => [message.id, message])).values()];
      expect(firsts).to.have.length(stored.length);
      for (let n = 0; n < 100; n++) {
        const of = <T extends { subject: unknown; id: unknown }>(list: T[]) =>
          list.filter(({ subject }) => subject === `s/${n}`).map(({ id }) => id);
        expect(of(firsts)).to.deep.equal(of(stored.map(({ stream: subject, id }) => ({ subject, id }))));
      }
    });
  }

  it('publishes to other queues while an operator policy limits one, and delivers all in order afterwards', async function () {
    this.timeout(300_000); // several steps wait up to the limit of `eventually`: the one that hangs is reported
    const { managementUrl, prefix } = rabbit;
    const names = namesFor(prefix);
    const workers = [
      { name: 'full', patterns: ['job.*'], retryDelays: [] },
      { name: 'other', patterns: ['#'], retryDelays: [] },
    ];
    await broker.applyTopology(topologyOf(workers, { prefix, log, unroutedMax: 10 }));
    const policy = `operator-policies/%2F/${prefix}limit`;
    await manage(managementUrl, 'PUT', policy, {
      pattern: `^${names.queue('full')}$`,
      'apply-to': 'queues',
      definition: { 'max-length': 10 },
    });
    const store = await temp.open();
    const abort = new AbortController();
    const reports: Record<string, unknown>[] = [];
    const logger = createLogger({ level: 'info' });
    logger.transports.forEach((transport) => (transport.silent = true));
    logger.on('data', (entry: Record<string, unknown>) => entry['queue'] !== undefined && reports.push(entry));
    const retryRefused = { first: 100, most: 6_000 }; // a tenth of the real delays
    const relay = createRelay({ store, broker, names, instance: 'a', logger, retryRefused });
    const running = relay.run(abort.signal);
    const stored = 120;
    for (let n = 0; n < stored / 3; n += 1) {
      const subject = `s/${n}`;
      const types = ['job.requested', 'audit.noted', 'job.finished'];
      await store.append(
        subject,
        'none',
        types.map((type) => eventOf(subject, { type })),
      );
      await store.append(`free/${n}`, 'none', [eventOf(`free/${n}`, { type: 'audit.noted' })]);
    }
    const total = stored + stored / 3;
    await eventually('the checkpoint passes all events', async () => (await store.checkpoint('relay')) === total);
    const started = performance.now();
    await eventually(
      'events are refused',
      () => relay.refusals.current.length > 0 && performance.now() - started > 4_500,
    );
    const ids = (await entriesOf(broker, names.log)).map(({ id }) => id);
    const duplicates = ids.length - new Set(ids).size;
    const waited = performance.now() - started;
    // delays of at least 50, 100, 200 … ms for each of the two refused types
    expect(duplicates).to.be.at.most(2 * (Math.log2(waited / 50 + 1) + 2));
    expect((await broker.queueDepth(names.queue('other')))?.ready).to.be.at.least(stored / 3);
    const refusing = await eventually('the statistics name the full queue', async () => {
      const found = await broker.findRefusing(names.events, 'job.requested');
      // the broker updates its statistics with a delay of some seconds
      return found.some(({ reason }) => reason.startsWith('full')) && found;
    });
    expect(refusing.map(({ name }) => name)).to.deep.equal([names.queue('full')]);
    expect(refusing[0]?.reason).to.match(/^full: \d+ messages, 10 are allowed by operator policy "t-.*limit"$/);
    expect(await broker.findRefusing(names.events, 'audit.noted')).to.deep.equal([]);
    const named = ({ queue }: Record<string, unknown>) => String(queue).startsWith(`${names.queue('full')} (`);
    // a refusal is a warning until it has lasted for some seconds
    const report = await eventually('the log names the full queue in an error', () =>
      reports.find((each) => each['type'] === 'job.requested' && named(each) && each['level'] === 'error'),
    );
    expect(report).to.include({ code: 'broker.nacked' });
    expect(refusalsLine(relay.refusals)).to.match(/^\d+ events deferred: .*job\.requested refused since 2.*full/);

    await manage(managementUrl, 'DELETE', policy);
    await eventually('all deferred events are published', async () => (await countDeferred(store, total)) === 0);
    abort.abort();
    await running;
    const all = await store.readAll(0, 1000);
    for (const [worker, types] of [
      ['full', ['job.requested', 'job.finished']],
      ['other', ['job.requested', 'audit.noted', 'job.finished']],
    ] as const) {
      const firsts = [...new Map((await takeAll(broker, names.queue(worker))).map((each) => [each.id, each])).values()];
      for (let n = 0; n < stored / 3; n += 1) {
        const wanted = all.filter(({ stream, type }) => stream === `s/${n}` && types.includes(type as never));
        expect(firsts.filter(({ subject }) => subject === `s/${n}`).map(({ id }) => id)).to.deep.equal(
          wanted.map(({ id }) => id),
        );
      }
    }
  });
});

/** Reads all entries of a stream. */
async function entriesOf(broker: Broker, stream: string): Promise<{ id: unknown }[]> {
  const entries: { id: unknown }[] = [];
  const last = await lastEntry(broker, stream);
  const reader = broker.readStream(stream, {
    from: 'first',
    prefetch: 100,
    onEntry: (entry) => {
      if (entry.offset <= (last?.offset ?? -1)) entries.push({ id: entry.properties.messageId });
      entry.done();
    },
  });
  await eventually(`${stream} is read up to its last entry`, () => last === undefined || entries.length > last.offset);
  await reader.close();
  return entries;
}

/** Consumes all messages of a queue, in order. */
async function takeAll(broker: Broker, queue: string): Promise<{ id: unknown; subject: unknown }[]> {
  const taken: { id: unknown; subject: unknown }[] = [];
  const consumer = broker.consume(queue, {
    prefetch: 100,
    onDelivery: (delivery) => {
      taken.push({ id: delivery.properties.messageId, subject: delivery.properties.headers['flotilla-subject'] });
      delivery.ack();
    },
  });
  let before = -1;
  await eventually(`${queue} is empty`, async () => {
    const settled = consumer.consuming && before === taken.length && (await broker.queueDepth(queue))?.ready === 0;
    before = taken.length;
    return settled && taken.length > 0;
  });
  await consumer.close();
  return taken;
}
