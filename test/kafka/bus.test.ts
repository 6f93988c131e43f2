import { expect } from 'chai';
import { createKafkaBus } from '../../src/kafka/bus/kafka-bus.js';
import { eventually } from '../support/eventually.js';
import { shop } from '../support/shop.js';
import { kafkaBench, type KafkaBench } from './support/kafka-bench.js';
import { clientOfProcess, describeWithClients } from './support/tested-clients.js';

describeWithClients('Kafka bus', function () {
  this.timeout(40_000);
  let bench: KafkaBench;

  before(async function () {
    this.timeout(60_000);
    bench = await kafkaBench(this);
  });
  after(() => bench?.close());

  it('handles each published event of a group once, and again after a failure', async () => {
    const { brokers, topic, prefix } = bench;
    const routes = { 'job.*': topic };
    const bus = await createKafkaBus({
      brokers: [brokers],
      client: clientOfProcess(),
      catalogue: shop,
      source: 'bus',
      routes,
    });
    const store = await bench.open('handler');
    const stop = new AbortController();
    const handled: number[] = [];
    let failures = 1;
    try {
      const id = crypto.randomUUID();
      await bus.publish('job.begun', { n: 1 }, { subject: 'job/1', id });
      await bus.publish('job.begun', { n: 1 }, { subject: 'job/1', id });
      await bus.publish('job.finished', { n: 2 }, { subject: 'job/1' });
      await bus.publish('job.begun', { n: 3 }, { subject: 'job/1' });
      const running = bus.subscribe(
        `${prefix}group`,
        ['job.begun'],
        (event) => {
          const { n } = event.data as { n: number };
          if (n === 3 && failures-- > 0) return Promise.reject(new Error('not yet'));
          handled.push(n);
          return Promise.resolve();
        },
        { store, signal: stop.signal },
      );
      await eventually(() => handled.includes(3));
      stop.abort();
      await running;
    } finally {
      await bus.close();
    }
    // 1 again, if the client had it in the batch of the failure, which was rolled back as a whole
    expect(handled.at(-1)).to.equal(3);
    expect(new Set(handled)).to.deep.equal(new Set([1, 3]));
    const [row] = await store.query<{ n: number }>`SELECT COUNT(*) AS n FROM flotilla_inbox`;
    expect(Number(row?.n)).to.equal(2);
  });
});
