import { setTimeout as sleep } from 'node:timers/promises';
import { isPartition, type AbandonedQueue } from '../broker/topology/abandoned-queues.js';
import { vouchAgain, type Broker, type Delivery, type OutgoingMessage, type Publisher } from '../broker/broker.js';
import { HEADERS, textHeader } from '../broker/messages/headers.js';
import { isShort, republished } from '../broker/messages/republish.js';
import type { Management } from '../broker/rabbitmq/management/management.js';
import type { Names } from '../broker/topology/topology.js';
import { FlotillaError } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import { failpoint } from '../failpoints.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import { drainQueue } from '../queues/drain-queue.js';
import { untilDepth } from '../queues/until-depth.js';
import { withoutDeathHeaders } from './operations/replay-message.js';
import { collectDeadLetters } from './keeper/collect-dead-letters.js';

export interface RemoveOptions {
  broker: Broker;
  management: Pick<Management, 'queues' | 'bindings' | 'unbind' | 'deleteQueue' | 'deleteExchange'>;
  names: Names;
  definitions: Definitions;
  logger: Logger;
  /** The store `ops`; undefined if it is on another machine: queues with dead letters are then kept. */
  ops: Store | undefined;
  /** The worker that receives the messages of a removed worker. @default they become unrouted messages */
  to?: string | undefined;
  signal: AbortSignal;
  onProgress?: (queue: string, done: number, total: number) => void;
}

/** The result for an abandoned queue. */
export interface RemovedQueue {
  queue: string;
  /** The number of messages moved out of the queue. */
  moved: number;
  removed: boolean;
  /** Why it was not removed. */
  detail: string;
}

/** Number of messages moved between two checks of the free space in the target. */
const BATCH_SIZE = 1000;
const MOVE_TIMEOUT_MS = 600_000;
/** A queue that receives messages faster than they are moved is kept. */
const MAX_PASSES = 10;
/** An expired message is no longer counted, but stays in its retry queue until the next queue confirms it, which takes
 *  milliseconds: an empty retry queue is therefore deleted after this delay. */
const SETTLE_MS = 2000;
/** A quorum queue may count the consumer of this command, which has emptied it, for a moment after its channel has ended. */
const CONSUMER_END_MS = 2000;

/** Removes abandoned queues without losing a message. First they are unbound, then their messages are moved, each
 *  confirmed at its target before it is acked, and finally the empty and unused queues are deleted. The dead-letter
 *  queue is deleted last, because its binding identifies an abandoned worker. Can be repeated after an interruption; a
 *  message that was confirmed but not acked is then duplicated, which the inbox of a worker detects. Resolves with the
 *  result for each queue. Throws `topology.in_use` before any change if one of them has a consumer, and
 *  `topology.no_room` if the queue of unrouted messages is full. */
export async function removeAbandonedQueues(
  queues: readonly AbandonedQueue[],
  options: RemoveOptions,
): Promise<RemovedQueue[]> {
  const used = queues.filter(({ consumers }) => consumers !== 0);
  if (used.length > 0) throw new FlotillaError('topology.in_use', used.map(({ queue }) => queue).join(', '));
  await unbindAll(queues, options);
  const publisher = options.broker.createPublisher();
  const results: RemovedQueue[] = [];
  try {
    // expired messages of a retry queue move to the work queue, and those dropped from it to the dead letters
    for (const holds of ['retries', 'messages', 'quarantined messages', 'marks', 'dead letters'] as const) {
      const group = queues.filter((each) => each.holds === holds);
      const moved = new Map<string, number>();
      for (const each of group) moved.set(each.queue, await empty(each, publisher, options));
      if (holds === 'retries' && group.length > 0) await sleep(SETTLE_MS, undefined, { signal: options.signal });
      for (const each of group) {
        results.push({ moved: moved.get(each.queue) ?? 0, ...(await removeIfEmpty(each, options, results)) });
      }
    }
  } finally {
    await publisher.close();
  }
  return results;
}

/** Retry queues of existing workers have no binding. Dead-letter queues stay bound until they are deleted. */
async function unbindAll(queues: readonly AbandonedQueue[], { management, names }: RemoveOptions): Promise<void> {
  const unbound = new Set(queues.filter(({ holds }) => holds === 'messages').map(({ queue }) => queue));
  for (const binding of await management.bindings()) {
    if (binding.kind === 'queue' && binding.source !== names.deadLetters && unbound.has(binding.destination)) {
      await management.unbind(binding);
    }
  }
}

async function empty(abandoned: AbandonedQueue, publisher: Publisher, options: RemoveOptions): Promise<number> {
  if (abandoned.holds === 'dead letters') return storeDeadLetters(abandoned, options);
  if (abandoned.holds === 'marks') return 0;
  return moveAll(abandoned, publisher, options);
}

async function removeIfEmpty(
  { queue, worker, holds }: AbandonedQueue,
  { broker, management, names, signal }: RemoveOptions,
  earlier: readonly RemovedQueue[],
): Promise<Omit<RemovedQueue, 'moved'>> {
  const left = (detail: string) => ({ queue, removed: false, detail });
  const { ready, consumers } = await untilDepth(broker, queue, (depth) => depth.consumers === 0, {
    limit: CONSUMER_END_MS,
    signal,
  });
  if (ready > 0 && holds !== 'marks') return left(`it still has ${ready} messages`);
  if (consumers > 0) return left('it has a consumer');
  const others = earlier.filter(({ queue: other, removed }) => !removed && belongsTo(other, worker, names));
  if (holds !== 'retries' && others.length > 0) return left('other queues of the worker were not removed');
  if (signal.aborted) return left('stopped before it was removed');
  // a quorum queue does not support if-empty and if-unused
  await management.deleteQueue(queue);
  if (holds === 'dead letters') await management.deleteExchange(names.failed(worker));
  return { queue, removed: true, detail: '' };
}

function belongsTo(queue: string, worker: string, names: Names): boolean {
  return (
    queue === names.queue(worker) ||
    isPartition(queue, worker, names) ||
    queue === names.newer(worker) ||
    queue === names.mark(worker) ||
    queue.startsWith(`${names.queue(worker)}.retry.`)
  );
}

/** Stores the dead letters like a keeper; without the store they stay in the queue. */
async function storeDeadLetters({ queue, worker }: AbandonedQueue, { ops: store, ...options }: RemoveOptions) {
  if (store === undefined) return 0;
  const { broker, names, definitions, logger, signal } = options;
  const collecting = { store, broker, names, definitions, logger, workers: [worker], limit: MOVE_TIMEOUT_MS, signal };
  let stored = 0;
  for (let pass = 0; pass < MAX_PASSES && !signal.aborted; pass += 1) {
    stored += await collectDeadLetters(collecting);
    if (((await broker.queueDepth(queue))?.ready ?? 0) === 0) break;
  }
  return stored;
}

async function moveAll(abandoned: AbandonedQueue, publisher: Publisher, options: RemoveOptions): Promise<number> {
  const { broker, signal, onProgress } = options;
  const { queue } = abandoned;
  await publisher.ready(AbortSignal.any([signal, AbortSignal.timeout(MOVE_TIMEOUT_MS)]));
  let moved = 0;
  while (!signal.aborted) {
    const ready = (await broker.queueDepth(queue))?.ready ?? 0;
    if (ready === 0) break;
    const count = Math.min(BATCH_SIZE, ready);
    if (isToUnrouted(abandoned, options)) await checkRoom(count, options);
    const done = await drainQueue(broker, queue, {
      count,
      limit: MOVE_TIMEOUT_MS,
      signal,
      onProgress: (now) => onProgress?.(queue, moved + now, moved + ready),
      handle: async (delivery) => {
        await publisher.publish(movedMessage(delivery, abandoned, options));
        failpoint('topology.message_moved');
        delivery.ack();
      },
    });
    moved += done;
    if (done === 0) break;
  }
  return moved;
}

/** Retries of an existing worker move to its own queue; the messages of a removed worker to `to`, or to the unrouted
 *  messages, from which they can be replayed. */
function movedMessage(delivery: Delivery, abandoned: AbandonedQueue, { names, to }: RemoveOptions): OutgoingMessage {
  const { body, properties } = delivery;
  if (abandoned.missing === 'delay') {
    const queue = names.queue(abandoned.worker);
    return { exchange: '', routingKey: queue, body, properties: republished(properties), mandatory: true };
  }
  // for the next worker this is a first attempt, and not part of a replay
  const { [HEADERS.again]: _, ...headers } = withoutDeathHeaders(properties.headers);
  const queue = to === undefined ? undefined : names.queue(to);
  const vouch = vouchAgain(delivery.origin, queue);
  const message = { body, properties: republished({ ...properties, headers }), mandatory: true, vouch };
  if (queue !== undefined) return { ...message, exchange: '', routingKey: queue };
  return { ...message, exchange: names.unrouted, routingKey: firstRoutingKey(delivery) };
}

function firstRoutingKey({ exchange, routingKey, properties }: Delivery): string {
  const first = textHeader(properties.headers, HEADERS.routingKey);
  const key = first ?? (exchange === '' ? (properties.type ?? routingKey) : routingKey);
  return isShort(key) ? key : routingKey;
}

function isToUnrouted({ missing }: AbandonedQueue, { to }: RemoveOptions): boolean {
  return missing === 'worker' && to === undefined;
}

/** The queue of unrouted messages is bounded and drops the oldest: moving more messages than it has space for would
 *  lose some. */
async function checkRoom(count: number, { management, broker, names }: RemoveOptions): Promise<void> {
  const unrouted = (await management.queues(names.unroutedQueue)).find(({ name }) => name === names.unroutedQueue);
  const most = unrouted?.arguments['x-max-length'];
  const { ready = 0 } = (await broker.queueDepth(names.unroutedQueue)) ?? {};
  if (typeof most !== 'number' || ready + count <= most) return;
  throw new FlotillaError(
    'topology.no_room',
    `it has ${ready} of at most ${most} messages, and ${count} more would be moved`,
  );
}
