import { setTimeout as sleep } from 'node:timers/promises';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../../src/broker/topology/topology.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { queuesOf } from '../../src/worker/definition/queues.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import { bareChannel, publishWindowed } from '../support/bare.js';
import type { Bench } from '../support/bench.js';
import { startProgram } from '../support/processes.js';
import { median } from '../support/table.js';
import { counting } from './counting-worker.js';
import { publishJob } from './jobs.js';

const MESSAGES = 400;
const SUBJECTS = 100;
const ROUNDS = 3;
const POLL_INTERVAL_MS = 5;
const LIMIT_MS = 60_000;

/** From kill -9 of the process that has all partitions, in the middle of its work, until another one has handled the rest. */
export const failover: Bench = async ({ amqpUrl, folder, prefix }) => {
  const { name } = counting;
  const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'bench', logger: silentLogger() });
  const queues = [queuesOf(workerDefinitionOf(counting))];
  await broker.applyTopology(topologyOf(queues, { prefix, log: { maxAge: '1h', maxBytes: 1e8 }, unroutedMax: 10 }));
  const { connection, channel } = await bareChannel(amqpUrl);
  const address = { exchange: namesFor(prefix).ordered(name), routingKey: 'job.begun' };

  const measure = async (round: number): Promise<number> => {
    const path = `${folder}/${name}-${round}.db`;
    const start = () => startProgram('bench/fixtures/worker-process.ts', [name, amqpUrl, prefix, path]);
    const store = await openSqliteStore({ service: name, path });
    const active = await start();
    const waiting = await start();
    const until = async (count: number) => {
      const deadline = performance.now() + LIMIT_MS;
      while ((await store.head()) < count) {
        if (performance.now() > deadline) throw new Error(`not all messages were handled within ${LIMIT_MS} ms`);
        await sleep(POLL_INTERVAL_MS);
      }
    };
    try {
      await publishWindowed(channel, MESSAGES, MESSAGES, (n, confirmed) =>
        publishJob(channel, address, { subject: n % SUBJECTS, n }, confirmed),
      );
      await until(1);
      const killedAt = performance.now();
      await active.kill();
      await until(MESSAGES);
      return (performance.now() - killedAt) / 1000;
    } finally {
      await waiting.stop();
      await store.close();
    }
  };

  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) seconds.push(await measure(round));
  await connection.close();
  await broker.close();
  const longest = Math.max(...seconds);
  return [
    {
      name: 'ordered: from kill -9 of the active consumer until all waiting messages are handled',
      ours: `median ${median(seconds).toFixed(2)} s, longest ${longest.toFixed(2)} s`,
      bare: 'goal 5 s',
      ratio: longest / 5,
      atMost: 1,
    },
  ];
};
