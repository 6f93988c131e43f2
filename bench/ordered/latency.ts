import { setTimeout as sleep } from 'node:timers/promises';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../../src/broker/topology/topology.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { generator } from '../../src/testing/simulation/seeded.js';
import { queuesOf } from '../../src/worker/definition/queues.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import { startWorker } from '../../src/worker/start.js';
import { eventually } from '../../test/support/eventually.js';
import { shop } from '../../test/support/shop.js';
import { bareChannel } from '../support/bare.js';
import type { Bench } from '../support/bench.js';
import { attemptAlternately } from '../support/rounds.js';
import { median, percentile } from '../support/table.js';
import { publishJob } from './jobs.js';

const RATE = 200;
const SECONDS = 4;
const ROUNDS = 3;
const SUBJECTS = 1_000;
const HOT = 0;
const TICK_MS = 5;

/** What differs from messages of random subjects that are handled at the first attempt. */
interface Variant {
  /** Whether every second message is of one subject. */
  isHot?: boolean;
  /** Whether the first attempts fail of every fifth subject. */
  isFailing?: boolean;
}

/** From the publish of a message to its commit, 99th percentile: of the other subjects while one has half of all messages, and
 *  of the healthy ones while every fifth message fails at first. The handler waits 2 ms. */
export const latency: Bench = async ({ amqpUrl, folder, prefix }) => {
  const fails = (subject: number) => subject % 5 === 1;
  const define = ({ isFailing = false }: Variant) =>
    shop.defineWorker({
      name: 'lined',
      ordering: 'subject',
      prefetch: 50,
      retry: { delays: ['100ms'] },
      on: {
        'job.begun': async ({ subject }, ctx) => {
          await sleep(2);
          if (isFailing && ctx.attempt === 1 && fails(Number(subject.slice(4)))) throw new Error('not now');
        },
      },
    });
  const names = namesFor(prefix);
  const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'bench', logger: silentLogger() });
  const queues = [queuesOf(workerDefinitionOf(define({})))];
  await broker.applyTopology(topologyOf(queues, { prefix, log: { maxAge: '1h', maxBytes: 1e8 }, unroutedMax: 10 }));
  const { connection, channel } = await bareChannel(amqpUrl);
  const random = generator(1);
  let round = 0;

  const measure = async (variant: Variant): Promise<number> => {
    const path = `${folder}/lined-${(round += 1)}.db`;
    const store = await openSqliteStore({ service: 'lined', path });
    const sent = new Map<number, { subject: number; at: number }>();
    const delays: number[] = [];
    let handled = 0;
    const worker = await startWorker(workerDefinitionOf(define(variant)), {
      ...{ store, broker, prefix, instance: 'bench', logger: silentLogger() },
      observe({ event }, outcome) {
        const job = sent.get((event?.data as { n?: number } | undefined)?.n ?? -1);
        if (outcome !== 'done' || job === undefined) return;
        handled += 1;
        const isOther = variant.isHot === true ? job.subject !== HOT : true;
        const isHealthy = variant.isFailing === true ? !fails(job.subject) : true;
        if (isOther && isHealthy) delays.push(performance.now() - job.at);
      },
    });
    await eventually('it consumes', () => worker.state().consuming);
    const begun = performance.now();
    for (let n = 0; n < RATE * SECONDS;) {
      for (const due = ((performance.now() - begun) / 1000) * RATE; n < due && n < RATE * SECONDS; n += 1) {
        const isOfHot = variant.isHot === true && n % 2 === 0;
        const subject = isOfHot ? HOT : Math.floor(random() * SUBJECTS);
        sent.set(n, { subject, at: performance.now() });
        publishJob(
          channel,
          { exchange: names.ordered('lined'), routingKey: 'job.begun' },
          { subject, n },
          () => undefined,
        );
      }
      await sleep(TICK_MS);
    }
    await eventually('all are handled', () => handled >= RATE * SECONDS);
    await worker.stop(1_000);
    await store.close();
    return percentile(delays, 0.99);
  };

  const found = await attemptAlternately(ROUNDS, {
    uniform: () => measure({}),
    hot: () => measure({ isHot: true }),
    failing: () => measure({ isFailing: true }),
  });
  await connection.close();
  await broker.close();
  const p99 = Object.fromEntries(
    Object.entries(found).map(([name, outcome]) => {
      if (outcome instanceof Error) throw outcome;
      return [name, median(outcome)];
    }),
  ) as Record<keyof typeof found, number>;
  const compared = (name: string, ours: number, atMost: number) => ({
    name,
    ours: `p99 ${ours.toFixed(0)} ms`,
    bare: `uniform p99 ${p99.uniform.toFixed(0)} ms`,
    ratio: ours / p99.uniform,
    atMost,
  });
  return [
    compared(`ordered, ${RATE}/s, one subject with half of them: the others`, p99.hot, 2),
    compared(`ordered, ${RATE}/s, 20 % fail once: the healthy subjects`, p99.failing, 1.5),
  ];
};
