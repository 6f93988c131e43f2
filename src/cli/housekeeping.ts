import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';

const EVERY = 3_600_000;

/** What is done to each store now and then: forgetting which events were handled, of those older than `inboxAge`
 *  milliseconds; and archiving what the retention of streams lets go. What fails is tried again an hour later. Resolves
 *  when the signal aborts. */
export async function keepHouse(
  stores: readonly Store[],
  inboxAge: number,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const chores: Readonly<Record<string, (store: Store) => Promise<number>>> = {
    'Old inbox rows forgotten': (store) => store.purgeInbox(Date.now() - inboxAge),
    'Old events archived': (store) => store.applyRetention(Date.now()),
  };
  while (!signal.aborted) {
    for (const store of stores) {
      for (const [what, chore] of Object.entries(chores)) {
        try {
          const count = await chore(store);
          if (count > 0) logger.debug(what, { store: store.service, count });
        } catch (error) {
          if (signal.aborted) return;
          logger.warn(`Not done, tried again later: ${what}`, { store: store.service, error: messageOf(error) });
        }
      }
    }
    await sleep(EVERY, undefined, { signal }).catch(() => undefined);
  }
}
