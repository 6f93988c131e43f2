import { setTimeout as sleep } from 'node:timers/promises';
import { createRabbitBroker } from '../src/broker/rabbitmq/broker.js';
import { eventProperties } from '../src/broker/messages/event-properties.js';
import { namesFor, topologyOf } from '../src/broker/topology/topology.js';
import { createEvent, originContext } from '../src/events/create.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { silentLogger } from '../src/telemetry/logger.js';
import { queuesOf } from '../src/worker/definition/queues.js';
import { shop } from '../test/support/shop.js';
import { bareChannel, publishWindowed } from './support/bare.js';
import type { Bench } from './support/bench.js';
import { startProgram } from './support/processes.js';
import { slow } from './support/slow-worker.js';
import { median } from './support/table.js';
import { workerDefinitionOf } from '../src/worker/definition/worker-definition.js';

const MESSAGES = 120;
const ROUNDS = 3;
const POLL_INTERVAL_MS = 5;

/** Three processes of a worker that waits 50 ms for each message and handles one at a time, compared with one process. */
export const scale: Bench = async ({ amqpUrl, folder, prefix }) => {
  const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'bench', logger: silentLogger() });
  const queues = queuesOf(workerDefinitionOf(slow));
  await broker.applyTopology(topologyOf([queues], { prefix, log: { maxAge: '1h', maxBytes: 1e8 }, unroutedMax: 10 }));
  const { connection, channel } = await bareChannel(amqpUrl);

  const send = () =>
    publishWindowed(channel, MESSAGES, MESSAGES, (n, confirmed) => {
      const context = originContext({ source: 'bench', subject: `job/${n}` });
      const event = createEvent(shop.definitions, 'job.begun', { n }, context);
      const properties = eventProperties({ ...event, correlationId: event.correlationid, time: Date.now() });
      const body = Buffer.from(JSON.stringify(event));
      channel.sendToQueue(namesFor(prefix).queue(slow.name), body, { ...properties, persistent: true }, confirmed);
    });

  let round = 0;
  /** Messages per second, from the time all processes are ready to the commit of the last message. */
  const measure = async (count: number): Promise<number> => {
    const path = `${folder}/slow-${round++}.db`;
    const start = () => startProgram('bench/fixtures/worker-process.ts', [slow.name, amqpUrl, prefix, path]);
    const store = await openSqliteStore({ service: slow.name, path });
    const processes = await Promise.all(Array.from({ length: count }, start));
    try {
      const began = performance.now();
      await send();
      while ((await store.head()) < MESSAGES) await sleep(POLL_INTERVAL_MS);
      return MESSAGES / ((performance.now() - began) / 1000);
    } finally {
      await Promise.all(processes.map((process) => process.stop()));
      await store.close();
    }
  };

  const one: number[] = [];
  const three: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    one.push(await measure(1));
    three.push(await measure(3));
  }
  await connection.close();
  await broker.close();
  return [
    {
      name: '50 ms of I/O per message, prefetch 1: three processes',
      ours: `${median(three).toFixed(1)}/s`,
      bare: `one process ${median(one).toFixed(1)}/s`,
      ratio: median(three) / median(one),
      target: 2.5,
    },
  ];
};
