import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { consumedQueues } from '../../src/broker/topology/partition-sets.js';
import { namesFor, topologyOf } from '../../src/broker/topology/topology.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { queuesOf } from '../../src/worker/definition/queues.js';
import { workerDefinitionOf, type Worker } from '../../src/worker/definition/worker-definition.js';
import { shop } from '../../test/support/shop.js';
import { bareChannel, publishWindowed } from '../support/bare.js';
import type { Bench } from '../support/bench.js';
import { attemptAlternately } from '../support/rounds.js';
import { brokerPid, cpuOf } from '../support/running-fleet.js';
import { median } from '../support/table.js';
import { publishJob } from './jobs.js';

const MESSAGES = 10_000;
const SUBJECTS = 1_000;
const ROUNDS = 3;

/** CPU time of the broker for a confirmed message through the exchange of an ordered worker to one of 16 queues, compared with
 *  a topic binding to one queue. */
export const routing: Bench = async ({ amqpUrl, managementUrl, prefix }) => {
  const on = { 'job.begun': () => undefined } as const;
  const pid = await brokerPid(managementUrl);
  const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'bench', logger: silentLogger() });
  const { connection, channel } = await bareChannel(amqpUrl);

  /** Separate exchanges, so that a message reaches the queues of one worker only. */
  const declare = async (worker: Worker) => {
    const own = `${prefix}${worker.name}-`;
    const queues = queuesOf(workerDefinitionOf(worker));
    await broker.applyTopology(
      topologyOf([queues], { prefix: own, log: { maxAge: '1h', maxBytes: 1e8 }, unroutedMax: 10 }),
    );
    return { exchange: namesFor(own).work, queues: await consumedQueues(broker, queues, namesFor(own)) };
  };
  const measure = async ({ exchange, queues }: Awaited<ReturnType<typeof declare>>): Promise<number> => {
    const before = await cpuOf(pid);
    await publishWindowed(channel, MESSAGES, 500, (n, confirmed) =>
      publishJob(channel, { exchange, routingKey: 'job.begun' }, { subject: n % SUBJECTS, n }, confirmed),
    );
    const used = ((await cpuOf(pid)) - before) * 1000;
    for (const queue of queues) await channel.purgeQueue(queue);
    return used / MESSAGES;
  };

  const plain = await declare(shop.defineWorker({ name: 'plain', on }));
  const ordered = await declare(shop.defineWorker({ name: 'ordered', ordering: 'subject', on }));
  const found = await attemptAlternately(ROUNDS, { ordered: () => measure(ordered), plain: () => measure(plain) });
  await connection.close();
  await broker.close();
  if (found.ordered instanceof Error) throw found.ordered;
  if (found.plain instanceof Error) throw found.plain;
  const [ours, bare] = [median(found.ordered), median(found.plain)];
  return [
    {
      name: 'CPU of the broker for a confirmed message to one of 16 partitions',
      ours: `${ours.toFixed(0)} µs`,
      bare: `one topic binding ${bare.toFixed(0)} µs`,
      ratio: ours / bare,
      atMost: 1.5,
    },
  ];
};
