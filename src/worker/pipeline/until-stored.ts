import { sleep } from '../../concurrency/sleep.js';
import type { Clock } from '../../concurrency/clock.js';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5000;

/** Commits something about a message in flight, and retries until it succeeds. Resolves with false when `gone` aborts: the
 *  delivery is lost, or the process ends. Never rejects; `onFirstFailure` receives the first error. */
export async function untilStored(
  commit: () => Promise<void>,
  { gone, clock, onFirstFailure }: { gone: AbortSignal; clock: Clock; onFirstFailure: (error: unknown) => void },
): Promise<boolean> {
  for (let wait = FIRST_RETRY_MS; !gone.aborted; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
    try {
      await commit();
      return true;
    } catch (error) {
      if (wait === FIRST_RETRY_MS) onFirstFailure(error);
      await sleep(wait, gone, clock.after);
    }
  }
  return false;
}
