import { FlotillaError, messageOf } from '../../errors.js';
import { Backoff } from '../../concurrency/backoff.js';
import { systemClock, type Clock } from '../../concurrency/clock.js';
import { sleep } from '../../concurrency/sleep.js';
import type { LeaseLock, Store } from '../store.js';
import { isStoreGone } from '../is-gone.js';
import { FaultLog } from '../../telemetry/fault-log.js';
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
  /** Whether another process takes over immediately from a holder that has ended, if the store has locks.
   *  @default false */
  locked?: boolean;
  logger: Logger;
  /** Called after each attempt that finds the lease held by another process. */
  onStandby?: () => Promise<void> | void;
  /** Milliseconds without a failure after which the log reports the end of a fault. @default 5000 */
  stableAfter?: number;
  /** @default the system clock */
  clock?: Clock;
  /** From 0 to 1. @default Math.random */
  random?: () => number;
  signal: AbortSignal;
}

/** As long as the longest delay between two attempts, so that repeated failures are one fault. */
const STABLE_AFTER_MS = 5_000;
/** Milliseconds between two checks of the lock: most of what a waiting process does. The next event must be published
 *  half a second after the end of the holder. */
const LOCK_CHECK_INTERVAL_MS = 400;

/** Runs `work` in at most one of the calling processes until it has succeeded once in this one, then gives the lease up: a
 *  lease for which no process competes is not vacant. Resolves also when `signal` aborts. */
export async function leadOnce(options: LeaderOptions, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const { store, name, holder, signal: ending } = options;
  const done = new AbortController();
  await runAsLeader({ ...options, signal: AbortSignal.any([ending, done.signal]) }, async (_lease, leading) => {
    await work(leading);
    done.abort();
  });
  if (!ending.aborted) await store.releaseLease({ name, holder, epoch: 0 });
}

/**
 * Runs `work` in at most one of the calling processes: whenever this process acquires the lease. `work` ends when its
 * signal aborts, because the lease is lost or `signal` has aborted. If it throws, the lease is released, and acquired
 * again after a delay. Resolves when `signal` aborts, or with the error that makes retrying pointless: the store or the
 * broker is closed. Never rejects.
 */
export async function runAsLeader(
  options: LeaderOptions,
  work: (lease: LeaseHolder, signal: AbortSignal) => Promise<void>,
): Promise<FlotillaError | undefined> {
  const { store, name, locked = false, logger, onStandby, stableAfter = STABLE_AFTER_MS, signal } = options;
  const { clock = systemClock, random } = options;
  const backoff = new Backoff(100, 5_000, random);
  const losses = new FaultLog(logger);
  const failures = new FaultLog(logger, 'error');
  let failedAt = -Infinity;
  let lock = locked ? store.lockLease(name) : undefined;
  while (!signal.aborted) {
    try {
      const lease = await LeaseHolder.acquire(store, { ...options, lock, losses });
      lock = undefined;
      if (lease === undefined) {
        losses.recovered(`${name}: another process holds the lease`);
        if (clock.elapsed() - failedAt >= stableAfter) failures.recovered(`${name}: another process does the work`);
        await onStandby?.();
        lock = await standBy(options);
      } else {
        losses.recovered(`${name}: this process holds the lease again`);
        const stopWaiting = clock.after(stableAfter, () => failures.recovered(`${name}: works again`));
        try {
          await work(lease, AbortSignal.any([signal, lease.lost]));
        } finally {
          stopWaiting();
          // before the retry delay: the failing work may succeed in another process
          await lease.release();
        }
      }
      backoff.reset();
    } catch (error) {
      if (error instanceof FlotillaError && (isStoreGone(error) || error.code === 'broker.closed')) return error;
      failures.failed(`${name}: failed; retrying`, { error: messageOf(error) });
      failedAt = clock.elapsed();
      await sleep(backoff.next(), signal, clock.after);
    }
  }
  lock?.release();
  return undefined;
}

/** Waits for the next attempt: a part of the time to live, or until the lock of a holder that has ended is free.
 *  Resolves with that lock. */
async function standBy(options: LeaderOptions): Promise<LeaseLock | undefined> {
  const { store, name, ttl, locked = false, clock = systemClock, random = Math.random, signal } = options;
  // with a lock, an attempt finds only the end of a lease whose holder is suspended
  const longest = locked ? ttl / 2 : ttl / 5;
  const deadline = clock.elapsed() + longest * (0.5 + random() / 2);
  for (;;) {
    const left = deadline - clock.elapsed();
    if (left <= 0 || signal.aborted) return undefined;
    await sleep(locked ? Math.min(left, LOCK_CHECK_INTERVAL_MS) : left, signal, clock.after);
    const lock = locked && !signal.aborted ? store.lockLease(name) : undefined;
    if (lock !== undefined) return lock;
  }
}
