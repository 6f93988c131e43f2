import { expect } from 'chai';
import type { Broker, Delivery } from '../../src/broker/broker.js';
import { HEADERS } from '../../src/broker/messages/headers.js';
import { sleep } from '../../src/concurrency/sleep.js';
import { collectDeadLetters } from '../../src/dead-letters/keeper/collect-dead-letters.js';
import { replayDeadLetters } from '../../src/dead-letters/operations/replay-dead-letters.js';
import { drainQueue } from '../../src/queues/drain-queue.js';
import { listRetrying, retryNow } from '../../src/queues/retry-queues.js';
import { listUnrouted, replayUnrouted } from '../../src/queues/unrouted-messages.js';
import {
  definitions,
  deadLetterMessage,
  openFixture,
  takeMessages,
  type DeadLetterFixture,
} from '../dead-letters/support/dead-letter-fixture.js';
import { foreignPublish } from '../support/foreign-publish.js';
import { eventually } from '../support/eventually.js';

const { signal } = new AbortController();

function overriding(broker: Broker, methods: Partial<Broker>): Broker {
  return new Proxy(broker, {
    get(target, name: keyof Broker) {
      const value: unknown = Reflect.get(name in methods ? methods : target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

for (const kind of ['memory', 'rabbitmq'] as const) {
  describe(`messages that wait in queues, ${kind}`, function () {
    this.timeout(90_000);
    let bench: DeadLetterFixture;
    beforeEach(async () => (bench = await openFixture(kind)));
    afterEach(() => bench.close());

    const put = async (exchange: string, routingKey: string) => {
      const { body, properties } = deadLetterMessage();
      await bench.publisher.publish({ exchange, routingKey, body, properties });
      return properties.messageId;
    };

    it('counts the messages that wait for a retry, by delay', async () => {
      await put('', bench.names.retry('payment', 3_600_000));
      await put('', bench.names.retry('payment', 3_600_000));
      const [hour, two] = await listRetrying(bench.broker, bench.names, bench.workers);
      expect(hour).to.include({ worker: 'payment', delay: 3_600_000, ready: 2, exists: true });
      expect(two).to.include({ worker: 'payment', delay: 7_200_000, ready: 0, exists: true });
    });

    it('moves the messages that wait for a retry to the work queue immediately', async () => {
      const first = await put('', bench.names.retry('payment', 3_600_000));
      const second = await put('', bench.names.retry('payment', 7_200_000));
      expect(await retryNow({ ...bench, signal })).to.equal(2);
      const moved = await takeMessages(bench.broker, bench.names.queue('payment'), 2);
      expect(moved.map(({ properties }) => properties.messageId)).to.have.members([first, second]);
      expect((await listRetrying(bench.broker, bench.names, bench.workers)).every(({ ready }) => ready === 0)).to.equal(
        true,
      );
    });

    it('lists unrouted messages and commands without removing them', async () => {
      const ids = [await put(bench.names.events, 'nobody.listens'), await put(bench.names.events, 'nobody.cares')];
      for (const _ of [1, 2]) {
        const { items, total } = await listUnrouted({ ...bench, definitions }, { signal });
        expect(total).to.equal(2);
        expect(items.map(({ id }) => id)).to.deep.equal(ids);
        expect(items[0]).to.include({ routingKey: 'nobody.listens', kind: 'command', subject: 'order/o1' });
      }
      const one = await listUnrouted({ ...bench, definitions }, { count: 1, signal });
      expect(one.items).to.have.length(1);
      expect(one.total).to.equal(2);
    });

    it('replays unrouted messages once each; those without a matching binding return', async () => {
      await put(bench.names.events, 'nobody.listens');
      await put(bench.names.events, 'shipment.create.late');
      const late = await put(bench.names.events, 'late.created');
      await bench.broker.applyTopology({
        exchanges: [],
        queues: [],
        bindings: [
          { source: bench.names.work, destination: bench.names.queue('shipping'), kind: 'queue', routingKey: 'late.*' },
        ],
      });
      const result = await replayUnrouted({ ...bench, definitions }, { signal });
      expect(result).to.include({ sent: 3, kept: 0, unexamined: 0 });
      await eventually(async () => (await bench.broker.queueDepth(bench.names.unroutedQueue))?.ready === 2);
      const [taken] = await takeMessages(bench.broker, bench.names.queue('shipping'), 1);
      expect(taken?.properties.messageId).to.equal(late);
      expect(taken?.routingKey).to.equal('late.created');
    });

    it('replays selected unrouted messages, and leaves the others in place and in order', async () => {
      const ids: string[] = [];
      for (const type of ['late.created', 'other.one', 'late.changed', 'other.two', 'late.deleted', 'other.three']) {
        const { body, properties } = deadLetterMessage({ type });
        await bench.publisher.publish({ exchange: bench.names.events, routingKey: type, body, properties });
        ids.push(properties.messageId);
      }
      await bench.broker.applyTopology({
        exchanges: [],
        queues: [],
        bindings: [
          { source: bench.names.work, destination: bench.names.queue('shipping'), kind: 'queue', routingKey: '#' },
        ],
      });
      const replayer = { ...bench, definitions };
      const left = async () => (await listUnrouted(replayer, { signal })).items.map(({ id }) => id);
      const taken = async (count: number) =>
        (await takeMessages(bench.broker, bench.names.queue('shipping'), count)).map(
          ({ properties }) => properties.messageId,
        );
      const [late1, other1, late2, other2, late3, other3] = ids;

      const hour = 3_600_000;
      const later = new Date(Date.now() + hour).toISOString();
      const earlier = new Date(Date.now() - hour).toISOString();
      for (const filter of [{ since: later }, { until: earlier }, { ids: ['nothing'] }, { types: ['late.*.*'] }]) {
        const result = await replayUnrouted(replayer, { filter, signal });
        expect(result, JSON.stringify(filter)).to.deep.equal({ sent: 0, kept: 6, unexamined: 0, unrouted: 6 });
      }
      expect(await left()).to.deep.equal(ids);
      const chosen = await listUnrouted(replayer, { filter: { types: ['late.*'] }, count: 2, signal });
      expect(chosen.items.map(({ id }) => id)).to.deep.equal([late1, late2]);
      expect(chosen).to.include({ total: 3, unexamined: 0 });

      const filter = { types: ['late.*'], since: earlier, until: later };
      const two = await replayUnrouted(replayer, { filter, count: 2, signal });
      expect(two).to.deep.equal({ sent: 2, kept: 1, unexamined: 3, unrouted: 4 });
      expect(await taken(2)).to.deep.equal([late1, late2]);
      expect(await left()).to.deep.equal([other1, other2, late3, other3]);
      const one = await replayUnrouted(replayer, { filter: { ids: [other2 ?? ''] }, signal });
      expect(one).to.include({ sent: 1, kept: 3, unrouted: 3 });
      expect(await taken(1)).to.deep.equal([other2]);
      expect(await left()).to.deep.equal([other1, late3, other3]);
    });

    it('leaves the others in order, also those in flight when enough are handled', async () => {
      const queue = bench.names.unroutedQueue;
      for (let round = 0; round < 5; round += 1) {
        const ids = [];
        for (let n = 0; n < 20; n += 1) ids.push(await put(bench.names.events, 'late.created'));
        const handle = async (delivery: Delivery) => {
          await sleep(1);
          delivery.ack();
        };
        await eventually(async () => (await bench.broker.queueDepth(queue))?.ready === ids.length);
        expect(await drainQueue(bench.broker, queue, { count: 4, limit: 30_000, handle, signal })).to.equal(4);
        const left = await takeMessages(bench.broker, queue, 16);
        expect(left.map(({ properties }) => properties.messageId)).to.deep.equal(ids.slice(4));
      }
    });

    it('waits for messages in flight to it, although the queue has no ready messages', async () => {
      const ids = [await put(bench.names.events, 'late.created'), await put(bench.names.events, 'late.changed')];
      const slow = overriding(bench.broker, {
        consume: (queue, options) =>
          bench.broker.consume(queue, {
            ...options,
            onDelivery: (delivery) => void sleep(700).then(() => options.onDelivery(delivery)),
          }),
      });
      const list = await listUnrouted(
        { ...bench, broker: slow, definitions },
        { filter: { ids: ids.slice(1) }, signal },
      );
      expect(list.items.map(({ id }) => id)).to.deep.equal(ids.slice(1));
      expect(list).to.include({ total: 1, unexamined: 0 });
      expect((await listUnrouted({ ...bench, definitions }, { signal })).items.map(({ id }) => id)).to.deep.equal(ids);
    });

    it('ends when another consumer has taken the rest of the queue', async () => {
      await put(bench.names.events, 'late.created');
      let isFirst = true;
      const emptied = overriding(bench.broker, {
        async queueDepth(queue) {
          const depth = await bench.broker.queueDepth(queue);
          if (!isFirst || queue !== bench.names.unroutedQueue || depth === undefined) return depth;
          isFirst = false;
          return { ...depth, ready: depth.ready + 5 };
        },
      });
      const began = performance.now();
      const result = await replayUnrouted(
        { ...bench, broker: emptied, definitions },
        { filter: { ids: ['x'] }, limit: 60_000, signal },
      );
      expect(result).to.deep.equal({ sent: 0, kept: 1, unexamined: 5, unrouted: 1 });
      expect(performance.now() - began).to.be.below(30_000);
    });

    if (kind !== 'rabbitmq') return;

    // more than the AMQP client encodes, less than a frame
    const large = { headers: { trace: 'x'.repeat(50_000), baggage: 'y'.repeat(50_000), tenant: 't1' } };
    const body = Buffer.from(deadLetterMessage().body).toString();

    it('moves messages whose headers exceed the limit of clients', async () => {
      await foreignPublish(bench.names.retry('payment', 3_600_000), body, large);
      expect(await retryNow({ ...bench, signal })).to.equal(1);
      const [retried] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
      expect(retried?.properties.headers).to.deep.equal({ tenant: 't1', [HEADERS.dropped]: 'baggage, trace' });
      expect(Buffer.from(retried?.body ?? []).toString()).to.equal(body);

      await foreignPublish(bench.names.unroutedQueue, body, large);
      await foreignPublish('nobody.listens', body, { headers: { CC: ['nobody.cares'] } }, bench.names.events);
      expect(await replayUnrouted({ ...bench, definitions }, { signal })).to.include({ sent: 2 });
      const [unrouted] = (await takeMessages(bench.broker, bench.names.unroutedQueue, 2)).filter(
        ({ properties }) => 'tenant' in properties.headers,
      );
      expect(unrouted?.properties.headers).to.include({ tenant: 't1', [HEADERS.dropped]: 'baggage, trace' });
    });

    it('replays a dead letter whose headers exceed the limit of clients', async () => {
      await foreignPublish(bench.names.dead('payment'), body, large);
      await collectDeadLetters({ ...bench, definitions, workers: bench.workerNames, signal });
      const summary = await replayDeadLetters(bench.replayer, { selection: { filter: {} }, who: 'ann', signal });
      expect(summary).to.include({ sent: 1, failed: 0 });
      const [replayed] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
      expect(replayed?.properties.headers).to.deep.equal({
        tenant: 't1',
        [HEADERS.replays]: 1,
        [HEADERS.dropped]: 'baggage, trace',
      });
    });
  });
}
