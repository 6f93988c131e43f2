import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { derivedId } from '../src/events/ids.js';
import { createRabbitBroker } from '../src/broker/rabbitmq/broker.js';
import { eventProperties } from '../src/broker/messages/event-properties.js';
import { namesFor, topologyOf } from '../src/broker/topology/topology.js';
import { sleep } from '../src/concurrency/sleep.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { silentLogger } from '../src/telemetry/logger.js';
import { startWorker } from '../src/worker/start.js';
import { workerDefinitionOf } from '../src/worker/definition/worker-definition.js';
import type { WindowData } from '../src/windows/window-result.js';
import type { Bench, BenchContext } from './support/bench.js';
import { sized } from './support/size.js';
import { bySecond, plant, readingOf } from './support/window-definitions.js';

const EVENTS = sized(1_000_000);
const READINGS = sized(3_000_000);
const MEMORY = 200 * 2 ** 20;
const PER_SECOND = 50_000;
/** Of the windows by second. */
const GRACE_MS = 500;
const IDLE_MS = 30_000;
const LIVE_SECONDS = Math.max(5, sized(60));
const LIVE_PER_SECOND = 200;

interface Reported {
  events: number;
  seconds: number;
  /** Microseconds for each event. */
  cpu: number;
  results: number;
  rss: number;
}

/** Windows with durable state: a million events of a store compared with reading them, 10,000 keys, and how long after
 *  its end a window is closed. */
export const windows: Bench = async (context) => {
  const path = `${context.folder}/plant.db`;
  console.log(`  filling a store with ${EVENTS.toLocaleString('en-US')} readings`);
  await fill(path);
  const alone = await inProcess('replay-process.ts', path);
  const computed = await inProcess('windows-process.ts', path);
  const keys = await inProcess('windows-process.ts', `${context.folder}/keys.db`, String(READINGS));
  const { p99, silence } = await live(context);
  const perSecond = ({ events, seconds, cpu }: Reported) =>
    `${Math.round(events / seconds).toLocaleString('en-US')}/s (${cpu.toFixed(1)} µs CPU)`;
  const rateOf = ({ events, seconds }: Reported) => events / seconds;
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return [
    {
      name: `windows by minute of ${EVENTS.toLocaleString('en-US')} events, durable (${computed.results} results)`,
      ours: perSecond(computed),
      bare: `reading and parsing alone ${perSecond(alone)}`,
      ratio: rateOf(computed) / rateOf(alone),
      target: 0.5,
    },
    {
      name: 'the same: peak RSS of its process',
      ours: mebibytes(computed.rss),
      bare: mebibytes(MEMORY),
      ratio: computed.rss / MEMORY,
      atMost: 1,
    },
    {
      name: `readings of 10,000 keys into sliding windows of 60 s every 10 s, durable (${keys.results} results, ${mebibytes(keys.rss)})`,
      ours: perSecond(keys),
      bare: `${PER_SECOND.toLocaleString('en-US')}/s`,
      ratio: rateOf(keys) / PER_SECOND,
      target: 1,
    },
    {
      name: `result of a window of 1 s after its end, p99, grace ${GRACE_MS} ms, ${LIVE_PER_SECOND} events/s over RabbitMQ`,
      ours: `${p99.toFixed(0)} ms`,
      bare: `grace + 250 ms`,
      ratio: p99 / (GRACE_MS + 250),
      atMost: 1,
    },
    {
      name: `result of the last window after its end, without further events`,
      ours: `${(silence / 1_000).toFixed(2)} s`,
      bare: `grace + ${IDLE_MS / 1_000} s of silence + 1 s`,
      ratio: silence / (GRACE_MS + IDLE_MS + 1_000),
      atMost: 1,
    },
  ];
};

async function inProcess(fixture: string, ...args: string[]): Promise<Reported> {
  const child = fork(fileURLToPath(new URL(`fixtures/${fixture}`, import.meta.url)), args);
  const [reported] = (await once(child, 'message')) as [Reported];
  await once(child, 'exit');
  return reported;
}

/** Readings of a hundred sensors, a thousand in each second of event time. */
async function fill(path: string): Promise<void> {
  const store = await openSqliteStore({ service: 'plant', path });
  const begin = Date.now() - 3_600_000;
  for (let at = 0; at < EVENTS; at += 1_000) {
    const count = Math.min(1_000, EVENTS - at);
    const events = Array.from({ length: count }, (_, index) => readingOf(at + index, begin + at + index, 100));
    await store.append(`fill/${at}`, 'none', events);
  }
  await store.close();
}

/** How long after its end the result of a window is stored, while events flow and after the last one. */
async function live({ amqpUrl, managementUrl, prefix, folder }: BenchContext) {
  const logger = silentLogger();
  const broker = createRabbitBroker({ url: amqpUrl, managementUrl, connectionName: prefix, logger });
  const names = namesFor(prefix);
  await broker.ready();
  await broker.applyTopology(topologyOf([], { prefix, log: { maxAge: '1h', maxBytes: 50_000_000 }, unroutedMax: 100 }));
  const store = await openSqliteStore({ service: 'live', path: `${folder}/live.db` });
  const delays: number[] = [];
  let position = 0;
  const measure = async () => {
    const now = Date.now();
    const page = await store.readAll(position, 1_000);
    position = page.at(-1)?.position ?? position;
    for (const { event } of page) delays.push(now - (event.data as { window: WindowData }).window.end);
  };
  store.onAppend(() => void measure());
  const worker = await startWorker(workerDefinitionOf(plant.defineWorker({ name: 'live', windows: [bySecond] })), {
    ...{ store, broker, prefix, instance: 'bench', logger, deriveId: derivedId },
  });
  const publisher = broker.createPublisher();
  await publisher.ready();
  const publish = async (n: number) => {
    const event = readingOf(n, Date.now(), 1);
    const { correlationid: correlationId, time } = event;
    const properties = eventProperties({ ...event, correlationId, time: Date.parse(time) });
    await publisher.publish({
      ...{ exchange: names.events, routingKey: event.type, properties },
      body: Buffer.from(JSON.stringify(event)),
    });
  };
  try {
    const began = Date.now();
    for (let n = 0; n < LIVE_SECONDS * LIVE_PER_SECOND; n += 1) {
      await sleep(began + (n * 1_000) / LIVE_PER_SECOND - Date.now());
      await publish(n);
    }
    const closed = delays.length;
    const sorted = delays.slice(1).sort((a, b) => a - b);
    const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Infinity;
    const deadline = Date.now() + 2 * IDLE_MS;
    // the window of the last event, or the one before it, waits for the wall clock
    while (delays.length < closed + 1 || Date.now() - began < LIVE_SECONDS * 1_000 + IDLE_MS + 4_000) {
      if (Date.now() > deadline) break;
      await sleep(100);
    }
    return { p99, silence: delays.at(-1) ?? Infinity };
  } finally {
    await worker.stop(5_000);
    await broker.close();
    await store.close();
  }
}
