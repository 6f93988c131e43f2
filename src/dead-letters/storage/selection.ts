import type { Store } from '../../store/store.js';
import type { DeadLetterState, DeadLetterSummary } from '../dead-letter.js';
import { findDeadLetter, deadLetterPage, type DeadLetterFilter } from './queries.js';

/** The dead letters that an action applies to: those with these ids or unique prefixes, or those that match a filter. */
export type Selection = { ids: readonly string[] } | { filter: DeadLetterFilter };

/** Maximum size of a selection; repeat the action for the rest. */
const MAX_SELECTED = 100_000;

/** A selected dead letter, with its state at the time of the selection. */
export type Selected = Pick<DeadLetterSummary, 'id' | 'state'>;

/** Returns the selected dead letters, oldest first. A filter selects only those dead-lettered before `now`
 *  (milliseconds) and in one of `states`, so that one that is dead-lettered again during the action is not selected
 *  twice. An id is selected in any state; throws `dead_letter.not_found` for an unknown one. */
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
  // in one statement: rows that another run settles in the meantime would shift later pages
  const page = await deadLetterPage(store, scope, { first: 'oldest', limit });
  return page.map(({ id, state }) => ({ id, state }));
}
