import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';

const DAY = 86_400_000;
const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  D: DAY,
  M: 31 * DAY,
  Y: 366 * DAY,
};
const EVERY = 3_600_000;

/** Forgets now and then which events were handled, of those that the log has forgotten too. `maxAge` is that of the
 *  stream: `7D`. Resolves when the signal aborts. */
export async function purgeInboxes(
  stores: readonly Store[],
  maxAge: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const kept = logAge(maxAge) + DAY; // a stream drops whole segments, later than its age says
  while (!signal.aborted) {
    for (const store of stores) {
      try {
        const purged = await store.purgeInbox(Date.now() - kept);
        if (purged > 0) logger.debug('Old inbox rows forgotten', { store: store.service, purged });
      } catch (error) {
        if (!signal.aborted)
          logger.warn('Old inbox rows not forgotten; tried again later', { error: messageOf(error) });
      }
    }
    await sleep(EVERY, undefined, { signal }).catch(() => undefined);
  }
}

/** How old an event is in the log at most, in milliseconds, by the age of the stream: `7D`. An inbox remembers everything
 *  that is not older. */
export function logAge(maxAge: string): number {
  const [, count = '7', unit = 'D'] = /^(\d+)([YMDhms])$/.exec(maxAge) ?? [];
  return Number(count) * (UNITS[unit] ?? DAY);
}
