import { createRabbitBroker } from '../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../src/broker/topology/topology.js';
import { createEvent, originContext } from '../src/events/create.js';
import { defineJournal } from '../src/journal/define-journal.js';
import { migrateJournal } from '../src/journal/migrations.js';
import { insertRecords } from '../src/journal/rows.js';
import { logCheckpoint, migrateLogCheckpoints } from '../src/event-log/positions/checkpoint-table.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { silentLogger } from '../src/telemetry/logger.js';
import { startWorker } from '../src/worker/start.js';
import { shop } from '../test/support/shop.js';
import { bareChannel, publishWindowed } from './support/bare.js';
import type { Bench } from './support/bench.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { rate } from './support/table.js';
import { workerDefinitionOf } from '../src/worker/definition/worker-definition.js';

const EVENTS = 20_000;
const PORTION = 500;
const ROUNDS = 3;

/** Indexing of an event log that is already filled, compared with the inserts of the same records from memory. */
export const journal: Bench = async ({ amqpUrl, folder, prefix }) => {
  const names = namesFor(prefix);
  const logger = silentLogger();
  const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'bench', logger });
  await broker.applyTopology(topologyOf([], { prefix, log: { maxAge: '1h', maxBytes: 1e9 }, unroutedMax: 10 }));
  const events = Array.from({ length: EVENTS }, (_, n) =>
    createEvent(shop.definitions, 'job.begun', { n }, originContext({ source: 'jobs', subject: `job/${n % 5000}` })),
  );
  const bodies = events.map((event) => JSON.stringify(event));
  const { connection, channel } = await bareChannel(amqpUrl);
  await publishWindowed(channel, EVENTS, 1000, (n, confirmed) => {
    const options = { messageId: events[n]?.id, contentType: 'application/cloudevents+json', persistent: true };
    channel.publish('', names.log, Buffer.from(bodies[n] ?? ''), options, confirmed);
  });
  await connection.close();

  let round = 0;
  const open = () => openSqliteStore({ service: 'journal', path: `${folder}/journal-${round++}.db` });
  const ours = async () => {
    const store = await open();
    await migrateLogCheckpoints(store);
    const last = events.at(-1)?.id;
    let stop = () => Promise.resolve();
    const speed = await speedOf(EVENTS, async () => {
      const definition = workerDefinitionOf(defineJournal({ name: 'journal' }));
      const worker = await startWorker(definition, { store, broker, prefix, instance: 'bench', logger });
      stop = () => worker.stop(5000);
      while ((await logCheckpoint(store.query, 'journal'))?.mark !== last) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    await stop();
    await store.close();
    return speed;
  };
  const bare = async () => {
    const store = await open();
    await migrateJournal(store);
    const records = events.map(({ id, source, type, subject, correlationid, time }, n) => {
      return {
        id,
        source,
        type,
        subject,
        correlationId: correlationid,
        time: Date.parse(time),
        offset: n,
        body: bodies[n] ?? '',
      };
    });
    const speed = await speedOf(EVENTS, async () => {
      for (let at = 0; at < EVENTS; at += PORTION) {
        await store.transaction(({ sql }) => insertRecords(sql, records.slice(at, at + PORTION)));
      }
    });
    await store.close();
    return speed;
  };

  const medians = await measureAlternately(ROUNDS, { ours, bare });
  await broker.close();
  return [
    {
      name: 'journal, from the event log into its index',
      ours: rate(medians.ours),
      bare: `inserts alone ${rate(medians.bare)}`,
      ratio: medians.ours.perSecond / medians.bare.perSecond,
      target: 0.5,
    },
  ];
};
