import type { Store } from '../../store/store.js';
import type { WindowsDefinition } from '../definition.js';
import { requireProgress } from '../state/require-progress.js';
import { subjectOf } from '../state/emit.js';
import type { WindowData } from '../window-result.js';

/** The last result of a window. */
export interface LastResult {
  window: WindowData;
  /** The data without `window`, and the count. */
  data: object;
}

const PAGE = 1_000;

/** Returns the last results of the closed windows that begin at `from` or later and end by `until`, by end and key. */
export async function lastResults(
  store: Pick<Store, 'readAll'>,
  definition: WindowsDefinition,
  { from, until }: { from: number; until: number },
): Promise<Map<string, LastResult>> {
  const found = new Map<string, LastResult>();
  // the time of a result is the end of its window
  const filter = { type: definition.emits, since: new Date(from).toISOString() };
  for (let after = 0; ;) {
    const page = await store.readAll(after, PAGE, filter);
    for (const { event, stream } of page) {
      const { window, ...data } = event.data as { window: WindowData };
      const { key, start, end, final, version } = window;
      if (stream !== subjectOf(definition, key) || version !== definition.version) continue;
      if (final && start >= from && end <= until) {
        found.set(`${end} ${key}`, { window, data: { count: window.count, ...data } });
      }
    }
    const last = page.at(-1);
    if (last === undefined) return found;
    requireProgress(last.position > after, `position ${last.position}`);
    after = last.position;
  }
}
