import { messageOf } from '../errors.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import { Backoff } from '../concurrency/backoff.js';
import { AppendWakeup } from '../store/append-wakeup.js';
import { sleep } from '../concurrency/sleep.js';

/** Maximum time between two polls: a change of the system time is noticed within it. */
const POLL_INTERVAL_MS = 1_000;
/** Minimum time between two polls: every append wakes this loop, although few add timers. */
const PAUSE_MS = 50;
const TIMERS_PER_TRANSACTION = 100;

/** Converts due timers into events until the signal aborts. Due times are wall-clock times: setting the clock back
 *  delays timers, setting it forward fires them early. Never rejects. */
export async function fireDueTimers(
  store: Store,
  clock: () => number,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const fault = new FaultLog(logger);
  const backoff = new Backoff(250, 5_000);
  const wakeup = new AppendWakeup(store, signal);
  let next: number | undefined;
  let isKnown = false;
  while (!signal.aborted) {
    try {
      if (!isKnown) next = await store.nextTimer();
      isKnown = next === undefined || next > clock();
      if (!isKnown) {
        await store.fireTimers(clock(), TIMERS_PER_TRANSACTION);
        backoff.reset();
        continue;
      }
      fault.recovered('relay: timers are fired again');
      await sleep(PAUSE_MS, signal);
      const isNotified = await wakeup.wait(Math.min(POLL_INTERVAL_MS, Math.max(1, (next ?? Infinity) - clock())));
      if (isNotified) isKnown = false;
    } catch (error) {
      if (signal.aborted) break;
      fault.failed('relay: timers could not be fired; retrying', { error: messageOf(error) });
      await sleep(backoff.next(), signal);
    }
  }
  wakeup.stop();
}
