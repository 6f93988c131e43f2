import { setTimeout as sleep } from 'node:timers/promises';

/** Looks until there is an answer; a limit keeps a promise that is broken from hanging the run. What a look throws counts
 *  as no answer, and is told if none comes. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { limit = 60_000, every = 50, signal }: { limit?: number; every?: number; signal?: AbortSignal } = {},
): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    let last = '';
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = `: ${String(error)}`;
    }
    signal?.throwIfAborted();
    if (Date.now() >= end) throw new Error(`not within ${limit} ms: ${what}${last}`);
    await sleep(every);
  }
}
