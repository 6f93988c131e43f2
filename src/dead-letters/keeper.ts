import { sleep } from '../concurrency/sleep.js';
import type { Broker, Delivery } from '../broker/contract.js';
import type { Names } from '../broker/topology.js';
import { messageOf } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import { failpoint } from '../failpoints.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import { keepDeadLetter } from './keep.js';
import { UNDO_LIMIT } from './discard.js';
import { removeOldBodies } from './remove-bodies.js';
import { migrateDeadLetters } from './migrations.js';
import { readDeadLetter } from './read-delivery.js';

export interface KeeperOptions {
  /** The store `ops`. */
  store: Store;
  broker: Pick<Broker, 'consume'>;
  names: Names;
  /** The workers whose dead letters are kept. */
  workers: readonly string[];
  definitions: Definitions;
  logger: Logger;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** How long to wait before a dead letter that could not be kept is tried again, in milliseconds. @default 1000 */
  retryAfter?: number;
}

export interface Keeper {
  /** Keeps dead letters until `signal` aborts; resolves when what was in hand is settled. */
  run(signal: AbortSignal): Promise<void>;
}

/** Few at a time: a dead letter may have a body of many megabytes. */
const PREFETCH = 20;
/** Milliseconds between two removals of old bodies. */
const FREE_EVERY = 3_600_000;

/**
 * Takes dead letters out of the broker into a store: each is committed, with the event that says so, and then acked;
 * one that comes twice is kept once. While the store doesn't take it, a dead letter is held and tried again. Several
 * keepers may run.
 */
export function createKeeper(options: KeeperOptions): Keeper {
  const { store, broker, names, workers, logger } = options;
  return {
    async run(signal) {
      await migrateDeadLetters(store);
      const inHand = new Set<Promise<void>>();
      const consumers = workers.map((worker) =>
        broker.consume(names.dead(worker), {
          prefetch: PREFETCH,
          onDelivery: (delivery) => {
            const kept = keepSurely(options, delivery, worker, signal).finally(() => inHand.delete(kept));
            inHand.add(kept);
          },
        }),
      );
      logger.info('Keeping dead letters', { workers: workers.length });
      await freeSpace(options, signal);
      await Promise.allSettled(consumers.map((consumer) => consumer.cancel()));
      await Promise.all(inHand);
      await Promise.allSettled(consumers.map((consumer) => consumer.close()));
    },
  };
}

/** Removes the bodies of what can no longer be restored, until the signal aborts. Never rejects. */
async function freeSpace({ store, logger, now = Date.now }: KeeperOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const removed = await removeOldBodies(store, now() - UNDO_LIMIT, signal);
      if (removed > 0) logger.info('Removed the bodies of discarded dead letters', { deadLetters: removed });
    } catch (error) {
      logger.warn(`The bodies of discarded dead letters could not be removed; retrying: ${messageOf(error)}`);
    }
    await sleep(FREE_EVERY, signal);
  }
}

/** Never rejects: what can't be kept now is held, and given back to the broker when the process ends. */
async function keepSurely(
  options: KeeperOptions,
  delivery: Delivery,
  worker: string,
  signal: AbortSignal,
): Promise<void> {
  const { retryAfter = 1000, logger } = options;
  const gone = AbortSignal.any([delivery.lost, signal]);
  for (;;) {
    try {
      await keepDelivery(options, delivery, worker);
      return;
    } catch (error) {
      logger.error(`A dead letter could not be kept, trying again: ${messageOf(error)}`, {
        worker,
        event: delivery.properties.messageId,
      });
    }
    await sleep(retryAfter, gone);
    if (gone.aborted) return; // returned to the broker, or the channel is gone: it will be delivered again
  }
}

/** Commits the dead letter, then acks it. Gives whether it is a new one. */
export async function keepDelivery(
  { store, definitions, logger, now = Date.now }: Pick<KeeperOptions, 'store' | 'definitions' | 'logger' | 'now'>,
  delivery: Delivery,
  worker: string,
): Promise<boolean> {
  const time = now();
  const letter = readDeadLetter(delivery, worker, definitions, time);
  const kept = await keepDeadLetter(store, letter, time);
  failpoint('keeper.kept');
  delivery.ack();
  const about = { deadLetter: letter.id, worker, code: letter.code, event: letter.eventId };
  if (kept === 'new' || kept === 'died again') logger.info('Kept a dead letter', about);
  if (kept === 'conflict') logger.warn('Kept a message apart: it has the id of another dead letter', about);
  if (kept === 'settled') logger.warn('A discarded dead letter has come again; it stays discarded', about);
  return kept !== 'known' && kept !== 'settled';
}
