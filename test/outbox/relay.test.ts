import { once } from 'node:events';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Delivery } from '../../src/broker/broker.js';
import { createMemoryBroker } from '../../src/broker/memory/broker.js';
import { namesFor, topologyOf } from '../../src/broker/topology/topology.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import { countDeferred } from '../../src/outbox/deferred/deferred-rows.js';
import { createRelay, type RelayOptions } from '../../src/outbox/relay.js';
import type { Store } from '../../src/store/store.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { codeOf, eventOf } from '../contract/store-events.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { createFakeBroker, subjectOf, type Fate } from './support/fake-broker.js';
import { runRelay } from './support/run-relay.js';
import { eventually } from '../support/eventually.js';

const names = namesFor('');
const topology = topologyOf([{ name: 'all', patterns: ['#'], retryDelays: [] }], {
  prefix: '',
  log: { maxAge: '1h', maxBytes: 1_000_000 },
  unroutedMax: 10,
});

describe('relay', () => {
  let temp: TempStore;
  let store: Store;
  let stops: (() => Promise<void>)[];
  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open({ limits: { pollInterval: 5 } });
    stops = [];
  });
  afterEach(async () => {
    // stops in reverse order: a relay before its broker
    for (const stop of stops.reverse()) await stop();
    await temp.dispose();
  });

  function start(options: Partial<RelayOptions> & Pick<RelayOptions, 'broker'>) {
    const started = runRelay({ store, ...options });
    stops.push(started.stop);
    return started;
  }

  async function memoryBroker(options = { topology: true }) {
    const broker = createMemoryBroker();
    stops.push(() => broker.close());
    if (options.topology) await broker.applyTopology(topology);
    return broker;
  }

  async function appendTo(subject: string, count: number): Promise<void> {
    await store.append(
      subject,
      'any',
      Array.from({ length: count }, () => eventOf(subject)),
    );
  }

  const delivered = async () => (await store.checkpoint('relay')) === (await store.head());

  it('publishes stored events byte for byte, with matching message properties', async () => {
    const broker = await memoryBroker();
    const deliveries: Delivery[] = [];
    const consumer = broker.consume('all', { prefetch: 10, onDelivery: (delivery) => deliveries.push(delivery) });
    const event = eventOf('order/1', { time: '2026-03-04T05:06:07.890Z', data: { name: 'Zoë 😀' } });
    await store.append('order/1', 'none', [event]);
    start({ broker });
    await eventually(() => deliveries.length > 0);
    const [stored] = await store.read('order/1');
    const [delivery] = deliveries;
    expect(Buffer.from(delivery?.body ?? []).toString()).to.equal(stored?.body);
    expect(delivery).to.include({ routingKey: 'order.created' });
    expect(delivery?.properties).to.deep.include({
      messageId: event.id,
      type: event.type,
      appId: 'core',
      timestamp: Math.floor(Date.parse(event.time) / 1000),
      correlationId: event.correlationid,
      contentType: CLOUDEVENTS_JSON,
    });
    expect(delivery?.properties.headers).to.include({ 'flotilla-subject': 'order/1' });
    delivery?.ack();
    await eventually(delivered);
    await consumer.close();
  });

  it('keeps the order of each subject and loses nothing, whatever the broker does', async function () {
    this.timeout(60_000);
    const fates = fc.infiniteStream(
      fc.oneof(
        { weight: 30, arbitrary: fc.constant<Fate>('confirm') },
        { weight: 2, arbitrary: fc.constantFrom<Fate>('nack', 'nack', 'return', 'lost', 'late', 'timeout') },
      ),
    );
    const subjects = fc.array(fc.nat(6), { minLength: 1, maxLength: 150 });
    const property = fc.asyncProperty(
      subjects,
      fates,
      fc.integer({ min: 1, max: 40 }),
      async (order, stream, window) => {
        const one = await createTempStore();
        try {
          const own = await one.open();
          const broker = createFakeBroker(() => stream.next().value ?? 'confirm');
          const abort = new AbortController();
          const options = { store: own, broker, names, instance: 'a', window, retryRefused: { first: 1, most: 5 } };
          const running = createRelay(options).run(abort.signal);
          await Promise.all(order.map((n) => own.append(`s/${n}`, 'any', [eventOf(`s/${n}`)])));
          await eventually(async () => {
            const head = await own.head();
            return (await own.checkpoint('relay')) === head && (await countDeferred(own, head)) === 0;
          });
          abort.abort();
          await running;
          expect(broker.violations).to.deep.equal([]);
          const stored = await own.readAll(0, 1_000);
          for (const subject of new Set(stored.map(({ stream: name }) => name))) {
            const wanted = stored.filter(({ stream: name }) => name === subject).map(({ id }) => id);
            const came = broker.arrived.filter((message) => subjectOf(message) === subject);
            expect([...new Set(came.map(({ properties }) => properties.messageId))]).to.deep.equal(wanted);
          }
        } finally {
          await one.dispose();
        }
      },
    );
    await fc.assert(property, { numRuns: 25, endOnFailure: true });
  });

  it('holds back later events of a subject in flight while it publishes other subjects', async () => {
    const broker = createFakeBroker(() => 'silent');
    await appendTo('a/1', 3);
    await appendTo('b/1', 1);
    const { stop } = start({ broker, drainTimeout: 1 });
    await eventually(() => broker.silent === 2);
    expect(broker.arrived.map(subjectOf)).to.deep.equal(['a/1', 'b/1']);
    broker.confirmSilent();
    await eventually(() => broker.arrived.length === 3);
    await stop();
  });

  it('resets the channel after a timeout, and does not republish events that were confirmed', async () => {
    const late = new Set<string>();
    const broker = createFakeBroker((message) => {
      const subject = subjectOf(message) ?? '';
      if (subject !== 'b/1' || late.size > 0) return 'confirm';
      late.add(subject);
      return 'timeout';
    });
    const metrics = createMetrics();
    for (const subject of ['a/1', 'b/1']) await appendTo(subject, 1);
    start({ broker, metrics });
    await eventually(delivered);
    expect(broker.resets).to.equal(1);
    expect(broker.arrived.map(subjectOf)).to.deep.equal(['a/1', 'b/1', 'b/1']);
    expect(await metrics.registry.metrics()).to.match(/relay_failures_total\{service="core",code="broker.timeout"\} 1/);
  });

  it('waits while the broker is disconnected or blocked, reports its lag, and resumes', async () => {
    const broker = await memoryBroker();
    const { relay } = start({ broker });
    for (const [stop, go] of [
      ['block', 'unblock'],
      ['disconnect', 'reconnect'],
    ] as const) {
      broker.fault[stop]();
      await appendTo('a/1', 5);
      await eventually(() => relay.lag === 5);
      expect([relay.lagging(4), relay.lagging(5)]).to.deep.equal([true, false]);
      broker.fault[go]();
      await eventually(delivered);
      await eventually(() => relay.lag === 0);
    }
    expect(await broker.queueDepth('all')).to.include({ ready: 10 });
  });

  it('does not count an event as published while it is unroutable', async () => {
    const broker = await memoryBroker({ topology: false });
    const { relay } = start({ broker });
    await appendTo('a/1', 2);
    await eventually(() => relay.lag === 2);
    await broker.applyTopology(topology);
    await eventually(delivered);
    expect(await broker.queueDepth('all')).to.include({ ready: 2 });
  });

  it('publishes events that another process appends', async () => {
    const broker = await memoryBroker();
    start({ broker });
    const other = await temp.open();
    await other.append('a/1', 'none', [eventOf('a/1')]);
    await eventually(async () => (await broker.queueDepth('all'))?.ready === 1);
  });

  it('publishes in one process at a time; the next takes over when the first ends', async () => {
    const broker = await memoryBroker();
    const first = start({ broker, instance: 'a', leaseTtl: 300 });
    await eventually(() => first.relay.holding);
    const second = start({ broker, instance: 'b', leaseTtl: 300 });
    await appendTo('a/1', 3);
    await eventually(delivered);
    expect(second.relay.holding).to.equal(false);
    await first.stop();
    await appendTo('a/1', 3);
    await eventually(delivered);
    expect(second.relay.holding).to.equal(true);
    expect(await broker.queueDepth('all')).to.include({ ready: 6 });
  });

  it('stops, and does not move the checkpoint, once another process holds the lease', async () => {
    const broker = createFakeBroker(() => 'silent');
    const logger = createLogger({ level: 'warn' });
    logger.transports.forEach((transport) => (transport.silent = true));
    // the clock of the other store is ahead, so the relay reacquires the lease immediately: only the log proves the loss
    const lost = once(logger, 'data');
    start({ broker, leaseTtl: 60_000, logger });
    await appendTo('a/1', 2);
    await eventually(() => broker.silent === 1);
    const later = await temp.open({ clock: () => Date.now() + 3_600_000 });
    expect(await later.acquireLease('relay', 'thief', 60_000)).to.include({ epoch: 2 });
    await (await temp.open()).acquireLease('relay', 'thief', 60_000); // renewed with the clock of the relay
    broker.confirmSilent();
    expect(((await lost) as [{ message: string }])[0].message).to.equal('relay: lost the lease');
    expect(await store.checkpoint('relay')).to.equal(0);
    expect(broker.arrived.length).to.be.lessThan(3);
  });

  it('on stop, waits for events in flight, moves the checkpoint, and releases the lease', async () => {
    const broker = createFakeBroker(() => 'silent');
    await appendTo('a/1', 2);
    await appendTo('b/1', 1);
    const { stop, running } = start({ broker });
    await eventually(() => broker.silent === 2);
    const stopping = stop();
    broker.confirmSilent();
    await stopping;
    await running;
    expect(broker.arrived).to.have.length(2);
    expect(await store.checkpoint('relay')).to.equal(1);
    expect(await store.acquireLease('relay', 'next', 1_000)).to.include({ epoch: 2 });
  });

  it('turns due timers into events and publishes them', async () => {
    const broker = await memoryBroker();
    let now = 1_000;
    start({ broker, clock: () => now });
    const event = eventOf('order/1', { type: 'order.expired' });
    await store.transaction((tx) => tx.schedule({ id: 'expiry', dueAt: 2_000, event }));
    expect(await store.nextTimer()).to.equal(2_000);
    now = 2_000;
    await eventually(async () => (await broker.queueDepth('all'))?.ready === 1);
    expect((await store.read('order/1'))[0]?.time).to.equal(2_000);
  });

  it('ends with store.closed when the store is closed while it runs', async () => {
    const broker = createFakeBroker(() => 'confirm');
    const relay = createRelay({ store, broker, names, instance: 'a', leaseTtl: 30 });
    const ending = codeOf(relay.run(new AbortController().signal));
    await eventually(() => relay.holding);
    await store.close();
    expect(await ending).to.equal('store.closed');
  });
});
