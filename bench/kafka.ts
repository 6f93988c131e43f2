import kafkajs from 'kafkajs';
import { createEvent, originContext } from '../src/events/create.js';
import { CLOUDEVENTS_JSON } from '../src/events/envelope.js';
import { loadKafkaClient } from '../src/kafka/client/load-client.js';
import { POSITION_HEADER } from '../src/kafka/sink/records.js';
import { sinkGroup } from '../src/kafka/sink/sink-position.js';
import { createSink } from '../src/kafka/sink/sink.js';
import { applyTopics, positionsTopic, withAdmin } from '../src/kafka/topics/plan-topics.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { createMetrics } from '../src/telemetry/metrics.js';
import { missingKafka, ownKafka } from '../test/support/kafka.js';
import { shop } from '../test/support/shop.js';
import type { Bench } from './support/bench.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { rate } from './support/table.js';

const EVENTS = 30_000;
const BATCH = 1_000;
const ROUNDS = 5;

/** The Kafka sink, from the store to the commit of the transaction, compared with a bare KafkaJS producer that sends the
 *  same bodies from memory with the same acks and batches, idempotent, without transactions. */
export const kafka: Bench = async ({ folder, prefix }) => {
  const missing = missingKafka();
  if (missing !== undefined) throw new Error(missing);
  const { KAFKA_BROKERS: given } = process.env;
  const own = given === undefined ? await ownKafka() : undefined;
  const brokers = (given ?? own?.node.brokers ?? '').split(',');
  const client = await loadKafkaClient({ brokers });
  const topic = `${prefix}job-events`;
  await applyTopics(client, [
    { topic, partitions: 3, replicationFactor: 1 },
    { topic: positionsTopic(prefix), partitions: 1, replicationFactor: 1 },
  ]);
  const events = Array.from({ length: EVENTS }, (_, n) =>
    createEvent(shop.definitions, 'job.begun', { n }, originContext({ source: 'jobs', subject: `job/${n}` })),
  );
  const messages = events.map((event, index) => ({
    key: event.subject,
    value: JSON.stringify({ ...event, sequence: '1' }),
    headers: { 'content-type': CLOUDEVENTS_JSON, [POSITION_HEADER]: String(index + 1) },
  }));
  const producer = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).producer({
    ...{ idempotent: true, maxInFlightRequests: 1, createPartitioner: kafkajs.Partitioners.DefaultPartitioner },
  });
  await producer.connect();

  const bare = () =>
    speedOf(EVENTS, async () => {
      for (let at = 0; at < EVENTS; at += BATCH) {
        await producer.send({ topic, acks: -1, messages: messages.slice(at, at + BATCH) });
      }
    });

  let round = 0;
  const ours = async () => {
    const service = `jobs-${round++}`;
    const store = await openSqliteStore({ service, path: `${folder}/${service}.db` });
    for (let at = 0; at < EVENTS; at += 500) {
      await Promise.all(events.slice(at, at + 500).map((event) => store.append(event.subject, 'any', [event])));
    }
    const { definitions } = shop;
    const place = [sinkGroup(prefix, service), positionsTopic(prefix), 0] as const;
    const stop = new AbortController();
    const metrics = createMetrics();
    const publishedEvents = async () => (await metrics.kafkaPublished.get()).values[0]?.value ?? 0;
    const sink = createSink({
      ...{ store, client, definitions, routes: { 'job.*': topic }, prefix, instance: 'bench', batchSize: BATCH },
      metrics,
    });
    const running = sink.run(stop.signal);
    const until = async (count: number) => {
      while ((await publishedEvents()) < count) await new Promise((resolve) => setTimeout(resolve, 2));
    };
    await until(1); // it is connected, as the producer is
    const speed = await speedOf(EVENTS - (await publishedEvents()), () => until(EVENTS));
    stop.abort();
    await running;
    const position = await withAdmin(client, (admin) => admin.groupOffset(...place));
    if (position?.offset !== EVENTS) throw new Error(`position ${position?.offset} in place of ${EVENTS}`);
    await store.close();
    return speed;
  };

  await bare();
  const medians = await measureAlternately(ROUNDS, { ours, bare });
  await producer.disconnect();
  await own?.remove();
  return [
    {
      name: `Kafka sink, exactly once, requests of ${BATCH} events`,
      ours: rate(medians.ours),
      bare: `kafkajs ${rate(medians.bare)}`,
      ratio: medians.ours.perSecond / medians.bare.perSecond,
      target: 0.7,
    },
  ];
};
