import { expect } from 'chai';
import { listRetrying, retryNow } from '../../src/dead-letters/retrying.js';
import { listUnrouted, replayUnrouted } from '../../src/dead-letters/unrouted.js';
import { definitions, letterOf, openBench, take, type Bench } from './bench-of-letters.js';

const { signal } = new AbortController();

for (const kind of ['memory', 'rabbitmq'] as const) {
  describe(`what waits in queues, ${kind}`, function () {
    this.timeout(90_000);
    let bench: Bench;
    beforeEach(async () => (bench = await openBench(kind)));
    afterEach(() => bench.close());

    const put = async (exchange: string, routingKey: string) => {
      const { body, properties } = letterOf();
      await bench.publisher.publish({ exchange, routingKey, body, properties });
      return properties.messageId;
    };

    it('counts what waits for its next attempt, by delay', async () => {
      await put('', bench.names.retry('payment', 3_600_000));
      await put('', bench.names.retry('payment', 3_600_000));
      const [hour, two] = await listRetrying(bench.broker, bench.names, bench.workers);
      expect(hour).to.include({ worker: 'payment', delay: 3_600_000, ready: 2, exists: true });
      expect(two).to.include({ worker: 'payment', delay: 7_200_000, ready: 0, exists: true });
    });

    it('brings what waits for its next attempt to the work queue at once', async () => {
      const first = await put('', bench.names.retry('payment', 3_600_000));
      const second = await put('', bench.names.retry('payment', 7_200_000));
      expect(await retryNow({ ...bench, signal })).to.equal(2);
      const moved = await take(bench.broker, bench.names.queue('payment'), 2);
      expect(moved.map(({ properties }) => properties.messageId)).to.have.members([first, second]);
      expect((await listRetrying(bench.broker, bench.names, bench.workers)).every(({ ready }) => ready === 0)).to.equal(
        true,
      );
    });

    it('shows unrouted messages without losing them, commands among them', async () => {
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

    it('sends unrouted messages again, each once; those that nobody takes come back', async () => {
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
      expect(await replayUnrouted(bench, { signal })).to.deep.equal({ sent: 3, unrouted: 2 });
      const [taken] = await take(bench.broker, bench.names.queue('shipping'), 1);
      expect(taken?.properties.messageId).to.equal(late);
      expect(taken?.routingKey).to.equal('late.created');
    });
  });
}
