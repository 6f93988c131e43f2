import { sleep } from '../../concurrency/sleep.js';
import type { Broker, Delivery } from '../../broker/broker.js';
import type { Names } from '../../broker/topology/topology.js';
import { messageOf } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';
import { failpoint } from '../../failpoints.js';
import type { Store } from '../../store/store.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { Logger } from '../../telemetry/logger.js';
import { storeDeadLetter } from '../storage/store-dead-letter.js';
import { UNDO_PERIOD_MS } from '../operations/discard-dead-letters.js';
import { removeOldBodies } from '../storage/remove-bodies.js';
import { migrateDeadLetters } from '../storage/migrations.js';
import { readDeadLetter } from './read-dead-letter.js';

export interface KeeperOptions {
  /** The store `ops`. */
  store: Store;
  broker: Pick<Broker, 'consume'>;
  names: Names;
  /** The workers whose dead letters are stored. */
  workers: readonly string[];
  definitions: Definitions;
  logger: Logger;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Milliseconds until storing a dead letter is retried. @default 1000 */
  retryAfter?: number;
}

export interface Keeper {
  /** Stores dead letters until `signal` aborts; resolves when those in flight are settled. */
  run(signal: AbortSignal): Promise<void>;
}

/** Small, because the body of a dead letter may have many megabytes. */
const PREFETCH = 20;
const BODY_REMOVAL_INTERVAL_MS = 3_600_000;

/** Moves dead letters from the broker to a store: each is committed with its event, then acked; duplicates are stored
 *  once. While the store is unavailable, a dead letter stays in flight and storing it is retried. Several keepers may
 *  run. */
export function createKeeper(options: KeeperOptions): Keeper {
  const { store, broker, names, workers, logger } = options;
  return {
    async run(signal) {
      await migrateDeadLetters(store);
      const inFlight = new Set<Promise<void>>();
      const retrying: Retrying = { deliveries: new Set(), fault: new FaultLog(logger, 'error') };
      const consumers = workers.map((worker) =>
        broker.consume(names.dead(worker), {
          prefetch: PREFETCH,
          onDelivery: (delivery) => {
            const storing = storeWithRetry(options, delivery, worker, retrying, signal).finally(() =>
              inFlight.delete(storing),
            );
            inFlight.add(storing);
          },
        }),
      );
      logger.info('Storing dead letters', { workers: workers.length });
      await removeBodiesPeriodically(options, signal);
      await Promise.allSettled(consumers.map((consumer) => consumer.cancel()));
      await Promise.all(inFlight);
      await Promise.allSettled(consumers.map((consumer) => consumer.close()));
    },
  };
}

/** Removes the bodies of dead letters that can no longer be restored, until the signal aborts. Never rejects. */
async function removeBodiesPeriodically(
  { store, logger, now = Date.now }: KeeperOptions,
  signal: AbortSignal,
): Promise<void> {
  const fault = new FaultLog(logger);
  while (!signal.aborted) {
    try {
      const removed = await removeOldBodies(store, now() - UNDO_PERIOD_MS, signal);
      fault.recovered('Bodies of discarded dead letters are removed again');
      if (removed > 0) logger.info('Removed the bodies of discarded dead letters', { deadLetters: removed });
    } catch (error) {
      fault.failed('Bodies of discarded dead letters not removed; retrying', { error: messageOf(error) });
    }
    await sleep(BODY_REMOVAL_INTERVAL_MS, signal);
  }
}

/** The dead letters that a keeper could not store yet. */
interface Retrying {
  deliveries: Set<Delivery>;
  fault: FaultLog;
}

/** Never rejects: a dead letter that cannot be stored stays in flight, and is requeued when the process ends. */
async function storeWithRetry(
  options: KeeperOptions,
  delivery: Delivery,
  worker: string,
  { deliveries, fault }: Retrying,
  signal: AbortSignal,
): Promise<void> {
  const { retryAfter = 1000 } = options;
  const gone = AbortSignal.any([delivery.lost, signal]);
  do {
    try {
      await storeDelivery(options, delivery, worker);
      deliveries.delete(delivery);
      if (deliveries.size === 0) fault.recovered('Dead letters are stored again');
      return;
    } catch (error) {
      deliveries.add(delivery);
      fault.failed('Dead letter not stored; retrying', {
        worker,
        event: delivery.properties.messageId,
        error: messageOf(error),
      });
    }
    await sleep(retryAfter, gone);
  } while (!gone.aborted); // requeued, or the channel is closed: it will be redelivered
  deliveries.delete(delivery);
}

/** Commits the dead letter, then acks it. Returns whether it is new. */
export async function storeDelivery(
  { store, definitions, logger, now = Date.now }: Pick<KeeperOptions, 'store' | 'definitions' | 'logger' | 'now'>,
  delivery: Delivery,
  worker: string,
): Promise<boolean> {
  const time = now();
  const deadLetter = readDeadLetter(delivery, worker, definitions, time);
  const result = await storeDeadLetter(store, deadLetter, time);
  failpoint('keeper.kept');
  delivery.ack();
  const about = { deadLetter: deadLetter.id, worker, code: deadLetter.code, event: deadLetter.eventId };
  if (result === 'new' || result === 'died again') logger.info('Stored a dead letter', about);
  if (result === 'conflict') logger.warn('Stored a message separately: it has the id of another dead letter', about);
  if (result === 'settled') logger.warn('A discarded dead letter was dead-lettered again; it stays discarded', about);
  return result !== 'known' && result !== 'settled';
}
