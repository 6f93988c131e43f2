import { sleep } from '../../concurrency/sleep.js';
import { messageOf } from '../../errors.js';
import type { Store } from '../../store/store.js';
import { FaultLogs } from '../../telemetry/fault-log.js';
import type { Logger } from '../../telemetry/logger.js';
import { ClockJumps } from './clock-jumps.js';

const HOUSEKEEPING_INTERVAL_MS = 3_600_000;

/** What is done to each store now and then: forgetting which events were handled, of those older than `inboxAge`
 *  milliseconds; and archiving what the retention of streams lets go. What fails is tried again an hour later, and so is
 *  everything after a jump of the system time, by which rows may look older than they are. Resolves when the signal aborts. */
export async function startHousekeeping(
  stores: readonly Store[],
  inboxAge: number,
  logger: Logger,
  signal: AbortSignal,
  jumps: Pick<ClockJumps, 'take'> = new ClockJumps(),
  interval = HOUSEKEEPING_INTERVAL_MS,
): Promise<void> {
  const chores: Readonly<Record<string, (store: Store) => Promise<number>>> = {
    'Old inbox rows forgotten': (store) => store.purgeInbox(Date.now() - inboxAge),
    'Old events archived': (store) => store.applyRetention(Date.now()),
  };
  const faults = new FaultLogs(logger);
  while (!signal.aborted) {
    const jump = jumps.take();
    if (jump !== 0) {
      logger.warn('The system time has jumped: housekeeping is skipped once', { seconds: Math.round(jump / 1_000) });
    }
    for (const store of jump === 0 ? stores : []) {
      for (const [what, chore] of Object.entries(chores)) {
        const fault = faults.of(`${store.service} ${what}`);
        try {
          const count = await chore(store);
          fault.recovered(`Housekeeping succeeds again: ${what}`, { store: store.service });
          if (count > 0) logger.debug(what, { store: store.service, count });
        } catch (error) {
          if (signal.aborted) return;
          fault.failed(`Housekeeping failed; retrying later: ${what}`, {
            store: store.service,
            error: messageOf(error),
          });
        }
      }
    }
    await sleep(interval, signal);
  }
}
