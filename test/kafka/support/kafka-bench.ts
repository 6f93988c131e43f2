import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEvent, originContext } from '../../../src/events/create.js';
import { loadKafkaClient } from '../../../src/kafka/client/load-client.js';
import type { KafkaClient } from '../../../src/kafka/client/kafka-client.js';
import { createSink, type SinkOptions } from '../../../src/kafka/sink/sink.js';
import { sinkGroup } from '../../../src/kafka/sink/sink-position.js';
import { createSource, type SourceOptions } from '../../../src/kafka/source/source.js';
import { applyTopics, positionsTopic, withAdmin } from '../../../src/kafka/topics/plan-topics.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import type { Store } from '../../../src/store/store.js';
import { eventually } from '../../support/eventually.js';
import { testKafka } from '../../support/kafka.js';
import { shop } from '../../support/shop.js';
import { clientOfProcess } from './tested-clients.js';

/** A client, a topic and a folder of stores for the tests of one file. */
export interface KafkaBench {
  client: KafkaClient;
  brokers: string;
  prefix: string;
  /** Has three partitions. */
  topic: string;
  folder: string;
  open: (service: string) => Promise<Store>;
  /** Closes the stores and removes the folder. */
  close: () => Promise<void>;
}

/** Skips the tests where there is no Kafka. */
export async function kafkaBench(context: Mocha.Context): Promise<KafkaBench> {
  const { brokers, prefix } = await testKafka(context);
  const client = await loadKafkaClient({ brokers: [brokers], client: clientOfProcess() });
  const topic = `${prefix}job-events`;
  await applyTopics(client, [
    { topic, partitions: 3, replicationFactor: 1 },
    { topic: positionsTopic(prefix), partitions: 1, replicationFactor: 1 },
  ]);
  // the last step that may fail: nothing is left behind
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-kafka-test-'));
  const stores: Store[] = [];
  return {
    client,
    brokers,
    prefix,
    topic,
    folder,
    async open(service) {
      const store = await openSqliteStore({ service, path: join(folder, `${service}.db`) });
      stores.push(store);
      return store;
    },
    async close() {
      await Promise.all(stores.map((store) => store.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Appends `job.begun` for subjects in turn. */
export async function appendJobs(store: Store, count: number, subjects = 3): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const subject = `job/${n % subjects}`;
    const event = createEvent(shop.definitions, 'job.begun', { n }, originContext({ source: store.service, subject }));
    await store.append(subject, 'any', [event]);
  }
}

/** Resolves when the sink of the store has committed its last position. */
export async function publishedAll({ client, prefix }: KafkaBench, store: Store): Promise<void> {
  const head = await store.head();
  await eventually(`position ${head} is committed`, async () => {
    const group = sinkGroup(prefix, store.service);
    const found = await withAdmin(client, (admin) => admin.groupOffset(group, positionsTopic(prefix), 0));
    return found?.offset === head;
  });
}

/** Runs a sink of the store while `work` runs; resolves with the result of `work` when the sink has ended. */
export async function whileSinking<T>(
  bench: KafkaBench,
  store: Store,
  work: (sink: ReturnType<typeof createSink>) => Promise<T>,
  options: Partial<SinkOptions> = {},
): Promise<T> {
  const { client, prefix, topic } = bench;
  const { definitions } = shop;
  const sink = createSink({
    ...{ store, client, definitions, prefix, routes: { 'job.*': topic }, instance: `sink-${Math.random()}` },
    ...options,
  });
  return whileRunning(sink, work);
}

/** Runs a source of the topic while `work` runs. */
export async function whileReading<T>(
  bench: KafkaBench,
  store: Store,
  work: (source: ReturnType<typeof createSource>) => Promise<T>,
  options: Partial<SourceOptions> = {},
): Promise<T> {
  const { client, prefix, topic } = bench;
  const { definitions } = shop;
  const source = createSource({
    ...{ name: store.service, store, client, definitions, prefix, topics: [topic], types: ['job.*'] },
    ...options,
  });
  return whileRunning(source, work);
}

async function whileRunning<P extends { run: (signal: AbortSignal) => Promise<void> }, T>(
  part: P,
  work: (part: P) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const running = part.run(stop.signal);
  try {
    return await work(part);
  } finally {
    stop.abort();
    await running;
  }
}
