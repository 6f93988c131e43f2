import { expect } from 'chai';
import type { OutgoingMessage } from '../../../src/broker/broker.js';
import { countDeferred } from '../../../src/outbox/deferred/deferred-rows.js';
import type { RelayOptions } from '../../../src/outbox/relay.js';
import type { Store } from '../../../src/store/store.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { eventOf } from '../../contract/store-events.js';
import { createTempStore, type TempStore } from '../../store/support/temp-store.js';
import { eventually } from '../../support/eventually.js';
import { createFakeBroker, subjectOf } from '../support/fake-broker.js';
import { runRelay } from '../support/run-relay.js';

describe('relay of refused events', () => {
  let temp: TempStore;
  let store: Store;
  let stops: (() => Promise<void>)[];
  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open({ limits: { pollInterval: 5 } });
    stops = [];
  });
  afterEach(async () => {
    for (const stop of stops.reverse()) await stop();
    await temp.dispose();
  });

  function start(options: Partial<RelayOptions> & Pick<RelayOptions, 'broker'>) {
    const started = runRelay({ store, retryRefused: { first: 1, most: 20 }, ...options });
    stops.push(started.stop);
    return started;
  }

  const append = (subject: string, ...types: string[]) =>
    store.append(
      subject,
      'any',
      types.map((type) => eventOf(subject, { type })),
    );
  /** A broker that nacks the messages that `refuses` selects while `closed` is set. */
  const refusing = (refuses: (message: OutgoingMessage) => boolean) => {
    const gate = { closed: true, refused: [] as { subject: string | undefined; at: number }[] };
    const broker = createFakeBroker((message) => {
      if (!gate.closed || !refuses(message)) return 'confirm';
      gate.refused.push({ subject: subjectOf(message), at: performance.now() });
      return 'nack';
    });
    return { broker, gate };
  };
  const passed = async () => (await store.checkpoint('relay')) === (await store.head());
  const deferred = async () => countDeferred(store, await store.head());

  it('holds back the subject of a refused event, and publishes the others once', async () => {
    const { broker, gate } = refusing(({ routingKey }) => routingKey === 'b.refused');
    const metrics = createMetrics();
    await append('b/1', 'b.refused', 'b.second', 'b.third');
    await append('a/1', 'a.first', 'a.second');
    const { relay } = start({ broker, metrics });
    await eventually(passed);
    await append('b/1', 'b.fourth');
    await append('a/1', 'a.third');
    await eventually(async () => (await passed()) && gate.refused.length >= 3);
    expect(broker.arrived.map(({ routingKey }) => routingKey)).to.deep.equal(['a.first', 'a.second', 'a.third']);
    await eventually(() => relay.lag === 4);
    expect(relay.refusals.current.map(({ type, code }) => [type, code])).to.deep.equal([
      ['b.refused', 'broker.nacked'],
    ]);
    await eventually(async () =>
      /flotilla_relay_deferred_events\{service="core"\} 4/.test(await metrics.registry.metrics()),
    );
    gate.closed = false;
    await eventually(async () => (await deferred()) === 0);
    const ofB = broker.arrived.filter((message) => subjectOf(message) === 'b/1');
    expect(ofB.map(({ routingKey }) => routingKey)).to.deep.equal(['b.refused', 'b.second', 'b.third', 'b.fourth']);
    expect(broker.violations).to.deep.equal([]);
    await eventually(() => relay.lag === 0 && relay.refusals.current.length === 0 && relay.refusals.events === 0);
  });

  it('retries one refused event per type at a time, with growing delays', async () => {
    const { broker, gate } = refusing(() => true);
    const first = 20;
    for (let n = 0; n < 200; n += 1) await append(`s/${n}`, 'job.refused');
    start({ broker, retryRefused: { first, most: 40 * first } });
    await eventually(() => gate.refused.length >= 206);
    const seen = new Set<string | undefined>();
    const retries = gate.refused.filter(({ subject }) => seen.size === seen.add(subject).size);
    let before = gate.refused[0]?.at ?? 0;
    for (const [index, { at }] of retries.slice(0, 6).entries()) {
      expect(at - before, `retry ${index}`).to.be.at.least((first * 2 ** index) / 2 - 2);
      before = at;
    }
    expect(new Set(retries.slice(0, 6).map(({ subject }) => subject)).size).to.equal(6);
    gate.closed = false;
    await eventually(async () => (await deferred()) === 0);
    expect(broker.arrived).to.have.length(200);
  });

  it('after a restart, publishes refused events, and no other event again', async () => {
    const { broker, gate } = refusing((message) => subjectOf(message) === 'b/1');
    await append('b/1', 'b.first', 'b.second');
    for (let n = 0; n < 20; n += 1) await append(`a/${n}`, 'a.first');
    const { stop } = start({ broker });
    await eventually(passed);
    await stop();
    expect(await deferred()).to.equal(2);
    expect(await store.checkpoint('relay')).to.equal(22);

    gate.closed = false;
    const next = createFakeBroker(() => 'confirm');
    start({ broker: next, instance: 'b' });
    await eventually(async () => (await deferred()) === 0);
    expect(next.arrived.map(({ routingKey }) => routingKey)).to.deep.equal(['b.first', 'b.second']);
  });

  it('stops publishing while too many events are refused, and reports it', async () => {
    const { broker, gate } = refusing(({ routingKey }) => routingKey === 'job.refused');
    for (let n = 0; n < 40; n += 1) await append(`s/${n}`, 'job.refused');
    for (let n = 0; n < 40; n += 1) await append(`s/${n}`, 'job.accepted');
    for (let n = 0; n < 40; n += 1) await append(`t/${n}`, 'job.accepted');
    const { relay } = start({ broker, window: 8, maxDeferred: 30 });
    await eventually(() => relay.refusals.full);
    expect(broker.arrived).to.deep.equal([]);
    gate.closed = false;
    await eventually(async () => (await passed()) && (await deferred()) === 0);
    expect(relay.refusals.full).to.equal(false);
    expect(broker.arrived).to.have.length(120);
    expect(broker.violations).to.deep.equal([]);
  });
});
