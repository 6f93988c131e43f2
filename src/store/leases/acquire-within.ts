import { systemClock } from '../../concurrency/clock.js';
import { sleep } from '../../concurrency/sleep.js';
import type { Store } from '../store.js';
import { LeaseHolder, type LeaseOptions } from './lease-holder.js';

const POLL_INTERVAL_MS = 100;

/** Acquires a lease; waits up to `wait` milliseconds for its holder, which may have been killed. Resolves with undefined if another
 *  process still holds it then. Rejects with the reason of the signal. */
export async function acquireWithin(
  wait: number,
  store: Store,
  options: LeaseOptions,
  signal: AbortSignal,
): Promise<LeaseHolder | undefined> {
  const { clock = systemClock } = options;
  const end = clock.elapsed() + wait;
  for (;;) {
    signal.throwIfAborted();
    const lease = await LeaseHolder.acquire(store, options);
    if (lease !== undefined || clock.elapsed() > end) return lease;
    await sleep(POLL_INTERVAL_MS, signal, clock.after);
  }
}
