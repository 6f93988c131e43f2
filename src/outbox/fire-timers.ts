import { messageOf } from '../errors.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import { Backoff } from '../concurrency/backoff.js';
import { AppendWakeup } from '../store/append-wakeup.js';
import { sleep } from '../concurrency/sleep.js';

/** Maximum wait for the next timer: a change of the system time is noticed within it. */
const MAX_WAIT_MS = 1_000;
/** Wait for a notification where no timer is stored; a safety net only. */
const IDLE_WAIT_MS = 5_000;
/** Minimum time between two reads: every append wakes this loop, although few add timers. */
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
  let readAt = -Infinity;
  while (!signal.aborted) {
    try {
      if (!isKnown) {
        const pause = readAt + PAUSE_MS - performance.now();
        if (pause > 0) await sleep(pause, signal);
        next = await store.nextTimer();
        readAt = performance.now();
      }
      isKnown = next === undefined || next > clock();
      if (!isKnown) {
        await store.fireTimers(clock(), TIMERS_PER_TRANSACTION);
        readAt = -Infinity; // more may be due
        backoff.reset();
        continue;
      }
      fault.recovered('relay: timers are fired again');
      const wait = next === undefined ? IDLE_WAIT_MS : Math.min(MAX_WAIT_MS, Math.max(1, next - clock()));
      if ((await wakeup.wait(wait)) || next === undefined) isKnown = false;
    } catch (error) {
      if (signal.aborted) break;
      fault.failed('relay: timers could not be fired; retrying', { error: messageOf(error) });
      await sleep(backoff.next(), signal);
    }
  }
  wakeup.stop();
}
