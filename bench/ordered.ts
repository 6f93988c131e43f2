import { createRabbitBroker } from '../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../src/broker/topology/topology.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { silentLogger } from '../src/telemetry/logger.js';
import { generator } from '../src/testing/simulation/seeded.js';
import { queuesOf } from '../src/worker/definition/queues.js';
import { workerDefinitionOf, type Worker } from '../src/worker/definition/worker-definition.js';
import { startWorker, type RunningWorker } from '../src/worker/start.js';
import { shop } from '../test/support/shop.js';
import { failover } from './ordered/failover.js';
import { publishJob } from './ordered/jobs.js';
import { latency } from './ordered/latency.js';
import { routing } from './ordered/routing.js';
import { bareChannel, publishWindowed } from './support/bare.js';
import type { Bench } from './support/bench.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { rate, type Row } from './support/table.js';

const MESSAGES = 20_000;
const PREFETCH = 200;
const ROUNDS = 3;
const SUBJECTS = 1_000;
const ZIPF = 1.1;

/** What an order costs and guarantees. */
export const ordered: Bench = async (context) => {
  const rows: Row[] = [];
  for (const bench of [throughput, latency, failover, routing]) rows.push(...(await bench(context)));
  return rows;
};

/** The pipeline of a worker that handles the events of each subject in order, compared with the same worker without an order:
 *  16 partitions, 1,000 subjects with a Zipf distribution, durable inbox, empty handler. */
const throughput: Bench = async ({ amqpUrl, folder, prefix }) => {
  const on = { 'job.begun': () => undefined } as const;
  const workers = {
    plain: shop.defineWorker({ name: 'plain', prefetch: PREFETCH, on }),
    ordered: shop.defineWorker({ name: 'ordered', prefetch: PREFETCH, ordering: 'subject', on }),
    pipelined: shop.defineWorker({
      name: 'pipelined',
      prefetch: PREFETCH,
      ordering: { by: 'subject', pipelined: true },
      on,
    }),
  };
  const names = namesFor(prefix);
  const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'bench', logger: silentLogger() });
  const queues = Object.values(workers).map((worker) => queuesOf(workerDefinitionOf(worker)));
  await broker.applyTopology(topologyOf(queues, { prefix, log: { maxAge: '1h', maxBytes: 1e8 }, unroutedMax: 10 }));
  const { connection, channel } = await bareChannel(amqpUrl);
  const pick = zipf(SUBJECTS, ZIPF);

  /** Publishes to the queues of one worker only. */
  const fill = (address: { exchange: string; routingKey: string }) =>
    publishWindowed(channel, MESSAGES, 1000, (n, confirmed) =>
      publishJob(channel, address, { subject: pick(), n }, confirmed),
    );

  let round = 0;
  const handleAll = async (worker: Worker, address: { exchange: string; routingKey: string }) => {
    await fill(address);
    const definition = workerDefinitionOf(worker);
    const store = await openSqliteStore({
      service: definition.name,
      path: `${folder}/${definition.name}-${round++}.db`,
    });
    let count = 0;
    let done = () => {};
    const all = new Promise<void>((resolve) => (done = resolve));
    let running: RunningWorker | undefined;
    const speed = await speedOf(MESSAGES, async () => {
      running = await startWorker(definition, {
        ...{ store, broker, prefix, instance: 'bench', logger: silentLogger() },
        observe: () => ++count === MESSAGES && done(),
      });
      await all;
    });
    await running?.stop(1000);
    await store.close();
    return speed;
  };

  const medians = await measureAlternately(ROUNDS, {
    ordered: () => handleAll(workers.ordered, { exchange: names.ordered('ordered'), routingKey: 'job.begun' }),
    pipelined: () => handleAll(workers.pipelined, { exchange: names.ordered('pipelined'), routingKey: 'job.begun' }),
    plain: () => handleAll(workers.plain, { exchange: '', routingKey: names.queue('plain') }),
  });
  await connection.close();
  await broker.close();
  return (['ordered', 'pipelined'] as const).map((name) => ({
    name: `${name} worker with 16 partitions, 1,000 subjects, Zipf 1.1`,
    ours: rate(medians[name]),
    bare: `without an order ${rate(medians.plain)}`,
    ratio: medians[name].perSecond / medians.plain.perSecond,
    target: 0.6,
  }));
};

/** Returns a generator of numbers from 1 to `count`, of which number k has the weight 1 / k^exponent. */
function zipf(count: number, exponent: number): () => number {
  const random = generator(1);
  const sums: number[] = [];
  for (let k = 1, sum = 0; k <= count; k += 1) sums.push((sum += k ** -exponent));
  const total = sums.at(-1) ?? 1;
  return () => {
    const wanted = random() * total;
    return sums.findIndex((sum) => sum >= wanted) + 1;
  };
}
