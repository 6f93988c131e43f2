import { createRabbitBroker } from '../src/broker/rabbitmq/broker.js';
import { eventProperties } from '../src/broker/messages/event-properties.js';
import { namesFor, topologyOf } from '../src/broker/topology/topology.js';
import { createEvent, originContext } from '../src/events/create.js';
import { createRelay } from '../src/outbox/relay.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { silentLogger } from '../src/telemetry/logger.js';
import { shop } from '../test/support/shop.js';
import { bareChannel, publishWindowed } from './support/bare.js';
import type { Bench } from './support/bench.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { rate } from './support/table.js';

const EVENTS = 30_000;
const WINDOW = 1000;
const ROUNDS = 5;

/** The relay, from the store to the confirm of the broker, with a different subject for each event, compared with a
 *  bare amqplib channel that publishes the same bodies from memory with the same window. */
export const relay: Bench = async ({ amqpUrl, folder, prefix }) => {
  const names = namesFor(prefix);
  const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'bench', logger: silentLogger() });
  await broker.applyTopology(
    topologyOf([{ name: 'sink', patterns: ['job.begun'], retryDelays: [] }], {
      prefix,
      log: { maxAge: '1h', maxBytes: 1e9 },
      unroutedMax: 10,
    }),
  );
  const { connection, channel } = await bareChannel(amqpUrl);
  const events = Array.from({ length: EVENTS }, (_, n) =>
    createEvent(shop.definitions, 'job.begun', { n }, originContext({ source: 'sinkless', subject: `job/${n}` })),
  );
  const empty = () => channel.purgeQueue(names.queue('sink'));

  const bare = async () => {
    await empty();
    const bodies = events.map((event) => JSON.stringify({ ...event, sequence: '1' }));
    return speedOf(EVENTS, () =>
      publishWindowed(channel, EVENTS, WINDOW, (n, confirmed) => {
        const event = events[n];
        if (event === undefined) return;
        channel.publish(
          names.events,
          event.type,
          Buffer.from(bodies[n] ?? ''),
          { ...eventProperties({ ...event, correlationId: event.correlationid, time: Date.now() }), persistent: true },
          confirmed,
        );
      }),
    );
  };

  let round = 0;
  const ours = async () => {
    await empty();
    const store = await openSqliteStore({ service: 'sinkless', path: `${folder}/relay-${round++}.db` });
    for (let at = 0; at < EVENTS; at += 500) {
      await Promise.all(events.slice(at, at + 500).map((event) => store.append(event.subject, 'any', [event])));
    }
    const stop = new AbortController();
    const relaying = createRelay({ store, broker, names, instance: 'bench', window: WINDOW });
    let running = Promise.resolve();
    const speed = await speedOf(EVENTS, async () => {
      running = relaying.run(stop.signal);
      while ((await store.checkpoint('relay')) < EVENTS) await new Promise((resolve) => setTimeout(resolve, 5));
    });
    stop.abort();
    await running;
    await store.close();
    return speed;
  };

  await bare();
  const medians = await measureAlternately(ROUNDS, { ours, bare });
  await empty();
  await connection.close();
  await broker.close();
  return [
    {
      name: `relay, confirmed, window ${WINDOW}, many subjects`,
      ours: rate(medians.ours),
      bare: `amqplib ${rate(medians.bare)}`,
      ratio: medians.ours.perSecond / medians.bare.perSecond,
      target: 0.95,
    },
  ];
};
