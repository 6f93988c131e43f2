import { vouchAgain, type Broker, type Publisher } from '../../../broker/broker.js';
import { republished } from '../../../broker/messages/republish.js';
import { partitionSet, type Names, type SetSize } from '../../../broker/topology/topology.js';
import { systemClock, type Clock } from '../../../concurrency/clock.js';
import { FlotillaError } from '../../../errors.js';
import { failpoint } from '../../../failpoints.js';
import { drainQueue } from '../../../queues/drain-queue.js';
import { untilDepth } from '../../../queues/until-depth.js';
import { markerEpoch } from './marker.js';

export interface RemoveSetOptions {
  broker: Broker;
  names: Names;
  worker: string;
  /** @default the system clock */
  clock?: Clock;
  signal: AbortSignal;
}

/** Processes stop consuming when the end of the change is stored, or at their next poll. */
const IN_USE_LIMIT_MS = 30_000;
const DRAIN_LIMIT_MS = 600_000;

/** Deletes the partitions of one number when no process consumes them. Late messages move to the queue of the worker. May be
 *  repeated after an interruption. Resolves with the number of late messages. Throws `partitions.in_use`. */
export async function removeSet(size: SetSize, options: RemoveSetOptions): Promise<number> {
  const { broker, names, worker } = options;
  const { entry, exchanges, queues } = partitionSet(worker, size, names);
  await broker.removeTopology({ bindings: [entry], exchanges: [], queues: [] });
  await untilUnused(
    queues.map(({ name }) => name),
    options,
  );
  let late = 0;
  const publisher = broker.createPublisher();
  try {
    for (const { name } of queues) late += await moveLate(name, publisher, options);
  } finally {
    await publisher.close();
  }
  await broker.removeTopology({ bindings: [], exchanges: [], queues });
  failpoint('partitions.deleting');
  // last: it shows that the set exists
  await broker.removeTopology({ bindings: [], exchanges, queues: [] });
  return late;
}

async function untilUnused(
  queues: readonly string[],
  { broker, clock = systemClock, signal }: RemoveSetOptions,
): Promise<void> {
  const end = clock.elapsed() + IN_USE_LIMIT_MS;
  for (const queue of queues) {
    const limit = end - clock.elapsed();
    const { consumers } = await untilDepth(broker, queue, (depth) => depth.consumers === 0, { limit, signal, clock });
    if (consumers === 0) continue;
    signal.throwIfAborted();
    throw new FlotillaError('partitions.in_use', queue);
  }
}

async function moveLate(queue: string, publisher: Publisher, options: RemoveSetOptions): Promise<number> {
  const { broker, names, worker, signal } = options;
  let late = 0;
  while (((await broker.queueDepth(queue))?.ready ?? 0) > 0) {
    signal.throwIfAborted();
    await publisher.ready(signal);
    await drainQueue(broker, queue, {
      limit: DRAIN_LIMIT_MS,
      signal,
      async handle(delivery) {
        const { body, properties, origin } = delivery;
        if (markerEpoch(delivery) === undefined) {
          const target = { exchange: '', routingKey: names.queue(worker), mandatory: true };
          const vouch = vouchAgain(origin, names.queue(worker));
          await publisher.publish({ ...target, body, properties: republished(properties), vouch });
          late += 1;
        }
        delivery.ack();
      },
    });
  }
  return late;
}
