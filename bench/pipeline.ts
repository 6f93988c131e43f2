import { createRabbitBroker } from '../src/broker/rabbitmq/broker.js';
import { eventProperties } from '../src/broker/messages/event-properties.js';
import { namesFor, topologyOf } from '../src/broker/topology/topology.js';
import { createEvent, originContext } from '../src/events/create.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { silentLogger } from '../src/telemetry/logger.js';
import { queuesOf } from '../src/worker/definition/queues.js';
import { startWorker, type RunningWorker } from '../src/worker/start.js';
import { shop } from '../test/support/shop.js';
import { bareChannel, publishWindowed } from './support/bare.js';
import type { Bench } from './support/bench.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { rate } from './support/table.js';
import { workerDefinitionOf } from '../src/worker/definition/worker-definition.js';

const MESSAGES = 30_000;
const PREFETCH = 200;
const ROUNDS = 5;

/** The pipeline of a worker with a durable inbox and an empty handler, compared with bare consume + ack of the same
 *  messages from a queue of the same type. */
export const pipeline: Bench = async ({ amqpUrl, folder, prefix }) => {
  const worker = shop.defineWorker({ name: 'noop', prefetch: PREFETCH, on: { 'job.begun': () => undefined } });
  const names = namesFor(prefix);
  const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'bench', logger: silentLogger() });
  await broker.applyTopology(
    topologyOf([queuesOf(workerDefinitionOf(worker))], {
      prefix,
      log: { maxAge: '1h', maxBytes: 1e8 },
      unroutedMax: 10,
    }),
  );
  const queue = names.queue('noop');
  const { connection, channel } = await bareChannel(amqpUrl);

  const fill = async () => {
    await publishWindowed(channel, MESSAGES, 1000, (n, confirmed) => {
      const event = createEvent(
        shop.definitions,
        'job.begun',
        { n },
        originContext({ source: 'bench', subject: `job/${n}` }),
      );
      channel.sendToQueue(
        queue,
        Buffer.from(JSON.stringify(event)),
        { ...eventProperties({ ...event, correlationId: event.correlationid, time: Date.now() }), persistent: true },
        confirmed,
      );
    });
  };

  const bare = async () => {
    await fill();
    const consuming = await connection.createChannel();
    await consuming.prefetch(PREFETCH);
    const speed = await speedOf(MESSAGES, () => {
      return new Promise<void>((resolve) => {
        let count = 0;
        void consuming.consume(queue, (message) => {
          if (message === null) return;
          consuming.ack(message);
          if (++count === MESSAGES) resolve();
        });
      });
    });
    await consuming.close();
    return speed;
  };

  let round = 0;
  const ours = async () => {
    await fill();
    const store = await openSqliteStore({ service: 'noop', path: `${folder}/noop-${round++}.db` });
    let count = 0;
    let done = () => {};
    const all = new Promise<void>((resolve) => (done = resolve));
    let running: RunningWorker | undefined;
    const speed = await speedOf(MESSAGES, async () => {
      running = await startWorker(workerDefinitionOf(worker), {
        store,
        broker,
        prefix,
        instance: 'bench',
        logger: silentLogger(),
        observe: () => ++count === MESSAGES && done(),
      });
      await all;
    });
    await running?.stop(1000);
    await store.close();
    return speed;
  };

  await bare();
  const medians = await measureAlternately(ROUNDS, { ours, bare });
  await connection.close();
  await broker.close();
  return [
    {
      name: `worker pipeline, durable inbox, prefetch ${PREFETCH}`,
      ours: rate(medians.ours),
      bare: `consume + ack ${rate(medians.bare)}`,
      ratio: medians.ours.perSecond / medians.bare.perSecond,
      target: 0.9,
    },
  ];
};
