import { hasCode, messageOf } from '../../errors.js';
import { Backoff } from '../../concurrency/backoff.js';
import { LeaseHolder } from './lease-holder.js';
import { sleep } from '../../concurrency/sleep.js';
import type { Store } from '../contract.js';
import { isStoreGone } from '../is-gone.js';
import type { Logger } from '../../telemetry/logger.js';

export interface LeaderOptions {
  store: Store;
  /** The lease. */
  name: string;
  /** This process; no two have the same. */
  holder: string;
  /** Milliseconds after which another takes over from one that has vanished. */
  ttl: number;
  logger: Logger;
  /** Called whenever it is another's turn. */
  onStandby: () => void;
  signal: AbortSignal;
}

/** Does the work of a term whenever it is this process's turn, and stands by otherwise. `work` ends when its signal
 *  aborts: the turn is another's, or all is over; where it throws, it is tried again later. Resolves when `signal` aborts, or
 *  store or broker are closed. Never rejects. */
export async function runAsLeader(
  { store, name, holder, ttl, logger, onStandby, signal }: LeaderOptions,
  work: (held: LeaseHolder, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const backoff = new Backoff(100, 5_000);
  while (!signal.aborted) {
    let held: LeaseHolder | undefined;
    try {
      held = await LeaseHolder.acquire(store, { name, holder, ttl, logger });
      if (held !== undefined) {
        await work(held, AbortSignal.any([signal, held.lost]));
        backoff.reset();
      }
    } catch (error) {
      if (isStoreGone(error) || hasCode(error, 'broker.closed')) return;
      logger.error(`${name}: did not get on, trying again`, { error: messageOf(error) });
      await sleep(backoff.next(), signal);
    }
    await held?.release().catch((error: unknown) => {
      // it ends by itself
      if (isStoreGone(error)) return;
      logger.warn(`${name}: the lease could not be released`, { error: messageOf(error) });
    });
    if (held === undefined && !signal.aborted) {
      onStandby();
      await sleep((ttl / 5) * (0.5 + Math.random() / 2), signal);
    }
  }
}
