import { messageOf } from '../errors.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import { Backoff } from '../concurrency/backoff.js';
import { sleep } from '../concurrency/sleep.js';

/** The longest time between two polls: a timer that another process has set is noticed within it. */
const POLL_INTERVAL_MS = 250;
/** Timers that fire in one transaction. */
const TIMERS_PER_TRANSACTION = 100;

/** Turns timers into events as they become due, until the signal aborts. Due times are wall-clock times: a clock that is
 *  set back makes them late by as much, one set forward early. Never rejects. */
export async function fireDueTimers(
  store: Store,
  clock: () => number,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff(POLL_INTERVAL_MS, 5_000);
  while (!signal.aborted) {
    try {
      const fired = await store.fireTimers(clock(), TIMERS_PER_TRANSACTION);
      backoff.reset();
      if (fired === TIMERS_PER_TRANSACTION) continue;
      const next = await store.nextTimer();
      await sleep(
        next === undefined ? POLL_INTERVAL_MS : Math.min(POLL_INTERVAL_MS, Math.max(1, next - clock())),
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('relay: timers could not be fired; retrying', { error: messageOf(error) });
      await sleep(backoff.next(), signal);
    }
  }
}
