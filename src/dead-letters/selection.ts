import type { Store } from '../store/contract.js';
import type { DeadLetterState, DeadLetterSummary } from './dead-letter.js';
import { findDeadLetter, pageOf, type DeadLetterFilter } from './queries.js';

/** Which dead letters something is to be done to: those with these ids (or beginnings of ids), or those that match. */
export type Selection = { ids: readonly string[] } | { filter: DeadLetterFilter };

/** At most so many at a time; what is left is taken by doing the same again. */
const MAX_SELECTED = 100_000;

/** A dead letter that was selected, with its state at that moment. */
export type Selected = Pick<DeadLetterSummary, 'id' | 'state'>;

/** What is selected, the oldest first. By filter, only those that died before `now` (milliseconds) and are
 *  in one of `states`: what comes back while something is done about it is not taken twice. An id that is named is
 *  given whatever its state is; throws `dead_letter.not_found` for one that there isn't. */
export async function selectDeadLetters(
  store: Store,
  selection: Selection,
  options: { states: readonly DeadLetterState[]; now: number; limit?: number | undefined },
): Promise<Selected[]> {
  const limit = Math.min(options.limit ?? MAX_SELECTED, MAX_SELECTED);
  if ('ids' in selection) {
    const selected = new Map<string, Selected>();
    for (const id of selection.ids.slice(0, limit)) {
      const found = await findDeadLetter(store, id);
      selected.set(found.id, { id: found.id, state: found.state });
    }
    return [...selected.values()];
  }
  const { filter } = selection;
  const now = new Date(options.now).toISOString();
  const until = filter.until !== undefined && new Date(filter.until) < new Date(now) ? filter.until : now;
  const scope: DeadLetterFilter = { states: options.states, ...filter, until };
  // in one statement: page by page, rows that another run settles meanwhile would shift the rest out of sight
  const page = await pageOf(store, scope, { first: 'oldest', limit });
  return page.map(({ id, state }) => ({ id, state }));
}
