import { sleep } from '../concurrency/sleep.js';
import { messageOf } from '../errors.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import type { Releaser } from '../worker/quarantine/releaser.js';

/** A pass examines every quarantined message. After one that released none, the next one waits twice as long: perhaps no
 *  release reads what is left. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** Handles the quarantined messages of a subscriber that its release can read, at the start and while it runs: a subscriber
 *  of an earlier release may run beside it. Resolves when the signal aborts. Never rejects. */
export async function releaseRepeatedly(
  releaser: Pick<Releaser, 'isAllowed' | 'release'>,
  { isEmpty, logger, signal }: { isEmpty: () => Promise<boolean>; logger: Logger; signal: AbortSignal },
): Promise<void> {
  const faults = new FaultLog(logger);
  for (let pause = FIRST_PAUSE_MS; !signal.aborted; await sleep(pause, signal)) {
    if (!releaser.isAllowed) continue;
    try {
      const released = (await isEmpty()) ? 0 : await releaser.release(signal);
      if (released > 0) logger.info('Released quarantined messages', { count: released });
      faults.recovered('Quarantined messages are examined again');
      pause = released > 0 ? FIRST_PAUSE_MS : Math.min(pause * 2, LONGEST_PAUSE_MS);
    } catch (error) {
      if (!signal.aborted)
        faults.failed('Quarantined messages could not be examined; retrying', { error: messageOf(error) });
    }
  }
}
