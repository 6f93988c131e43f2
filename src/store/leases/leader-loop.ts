import { FlotillaError, messageOf } from '../../errors.js';
import { Backoff } from '../../concurrency/backoff.js';
import { sleep } from '../../concurrency/sleep.js';
import type { Store } from '../store.js';
import { isStoreGone } from '../is-gone.js';
import type { Logger } from '../../telemetry/logger.js';
import { LeaseHolder } from './lease-holder.js';

export interface LeaderOptions {
  store: Store;
  /** The name of the lease. */
  name: string;
  /** Identifies this process; unique among all processes. */
  holder: string;
  /** Milliseconds after which another process takes over from a holder that has vanished. */
  ttl: number;
  logger: Logger;
  /** Called after each attempt that finds the lease held by another process. */
  onStandby?: () => Promise<void> | void;
  signal: AbortSignal;
}

/**
 * Runs `work` in at most one of the calling processes: whenever this process acquires the lease. `work` ends when its
 * signal aborts, because the lease is lost or `signal` has aborted. If it throws, the lease is released, and acquired
 * again after a delay. Resolves when `signal` aborts, or with the error that makes retrying pointless: the store or the
 * broker is closed. Never rejects.
 */
export async function runAsLeader(
  { store, name, holder, ttl, logger, onStandby, signal }: LeaderOptions,
  work: (lease: LeaseHolder, signal: AbortSignal) => Promise<void>,
): Promise<FlotillaError | undefined> {
  const backoff = new Backoff(100, 5_000);
  while (!signal.aborted) {
    try {
      const lease = await LeaseHolder.acquire(store, { name, holder, ttl, logger });
      if (lease === undefined) {
        await onStandby?.();
        await sleep((ttl / 5) * (0.5 + Math.random() / 2), signal);
      } else {
        try {
          await work(lease, AbortSignal.any([signal, lease.lost]));
        } finally {
          // before the retry delay: the failing work may succeed in another process
          await lease.release();
        }
      }
      backoff.reset();
    } catch (error) {
      if (error instanceof FlotillaError && (isStoreGone(error) || error.code === 'broker.closed')) return error;
      logger.error(`${name}: failed; retrying`, { error: messageOf(error) });
      await sleep(backoff.next(), signal);
    }
  }
  return undefined;
}
