import { FlotillaError } from '../../errors.js';
import { matches } from '../../events/patterns.js';
import type { Store } from '../../store/store.js';
import type { DeadLetterState, DeadLetterSummary, StoredDeadLetter } from '../dead-letter.js';
import { storedOf, summaryOf, type StoredRow, type SummaryRow } from './rows.js';

/** Selects dead letters; all given conditions must hold. */
export interface DeadLetterFilter {
  worker?: string;
  /** The id, or a prefix of it. */
  id?: string;
  /** Topic patterns such as `contract.*`; at least one must match the error code. */
  codes?: readonly string[];
  /** Topic patterns; at least one must match the type. A message without a type matches none. */
  types?: readonly string[];
  subject?: string;
  /** RFC 3339: dead-lettered at or after this time. */
  since?: string;
  /** RFC 3339: dead-lettered before this time. */
  until?: string;
  /** Text in the ids, the subject, the error message or the body, case-insensitive. */
  text?: string;
  /** @default all */
  states?: readonly DeadLetterState[];
}

export interface DeadLetterPage {
  limit?: number;
  offset?: number;
  /** @default 'newest' */
  first?: 'newest' | 'oldest';
}

/** Dead letters with the same worker, code and type. */
export interface DeadLetterGroup {
  worker: string;
  code: string;
  type: string | null;
  count: number;
  /** RFC 3339: when the first and the last of them were dead-lettered. */
  first: string;
  last: string;
}

/** The dead letters that an action applies to: those with these ids or unique prefixes, or those that match a filter. */
export type Selection = { ids: readonly string[] } | { filter: DeadLetterFilter };

/** Maximum size of a selection; repeat the action for the rest. */
const MAX_SELECTED = 100_000;

/** A selected dead letter, with its state at the time of the selection. */
export type Selected = Pick<DeadLetterSummary, 'id' | 'state'>;

/** Returns a page of the matching dead letters, and the total number of matches. */
export async function listDeadLetters(
  store: Store,
  filter: DeadLetterFilter = {},
  page: DeadLetterPage = {},
): Promise<{ items: DeadLetterSummary[]; total: number }> {
  const [items, groups] = await Promise.all([deadLetterPage(store, filter, page), groupDeadLetters(store, filter)]);
  return { items, total: groups.reduce((sum, { count }) => sum + count, 0) };
}

/** Returns a page of the matching dead letters. */
export async function deadLetterPage(
  store: Store,
  filter: DeadLetterFilter,
  { limit = 50, offset = 0, first = 'newest' }: DeadLetterPage,
): Promise<DeadLetterSummary[]> {
  const { id, worker, codes, types, subject, since, until, text, states } = await parameters(store, filter);
  const oldestFirst = first === 'oldest' ? 1 : 0;
  const rows = await store.query<SummaryRow>`
    SELECT id, worker, event_id, source, type, kind, subject, correlation_id, code, message, attempt_count, replays,
      dead_at, kept_at, state, claimed_until, settled_at, settled_by, reason, replacement_id
    FROM dead_letters
    WHERE (CAST(${id} AS TEXT) IS NULL OR id LIKE ${id} ESCAPE '!')
      AND (CAST(${worker} AS TEXT) IS NULL OR worker = ${worker})
      AND (CAST(${codes} AS TEXT) IS NULL OR REPLACE(${codes}, ${MARK} || code || ${MARK}, '') <> ${codes})
      AND (CAST(${types} AS TEXT) IS NULL OR REPLACE(${types}, ${MARK} || type || ${MARK}, '') <> ${types})
      AND (CAST(${subject} AS TEXT) IS NULL OR subject = ${subject})
      AND (CAST(${since} AS TEXT) IS NULL OR dead_at >= ${since})
      AND (CAST(${until} AS TEXT) IS NULL OR dead_at < ${until})
      AND (CAST(${text} AS TEXT) IS NULL OR search LIKE ${text} ESCAPE '!')
      AND (CAST(${states} AS TEXT) IS NULL OR ${states} LIKE '%,' || state || ',%')
    ORDER BY CASE WHEN ${oldestFirst} = 1 THEN dead_at END, dead_at DESC, id
    LIMIT ${limit} OFFSET ${offset}`;
  return rows.map(summaryOf);
}

/** The matching dead letters, counted by worker, code and type; largest groups first. */
export async function groupDeadLetters(
  store: Pick<Store, 'query'>,
  filter: DeadLetterFilter = {},
): Promise<DeadLetterGroup[]> {
  const { id, worker, codes, types, subject, since, until, text, states } = await parameters(store, filter);
  const rows = await store.query<DeadLetterGroup>`
    SELECT worker, code, type, COUNT(*) AS count, MIN(dead_at) AS first, MAX(dead_at) AS last
    FROM dead_letters
    WHERE (CAST(${id} AS TEXT) IS NULL OR id LIKE ${id} ESCAPE '!')
      AND (CAST(${worker} AS TEXT) IS NULL OR worker = ${worker})
      AND (CAST(${codes} AS TEXT) IS NULL OR REPLACE(${codes}, ${MARK} || code || ${MARK}, '') <> ${codes})
      AND (CAST(${types} AS TEXT) IS NULL OR REPLACE(${types}, ${MARK} || type || ${MARK}, '') <> ${types})
      AND (CAST(${subject} AS TEXT) IS NULL OR subject = ${subject})
      AND (CAST(${since} AS TEXT) IS NULL OR dead_at >= ${since})
      AND (CAST(${until} AS TEXT) IS NULL OR dead_at < ${until})
      AND (CAST(${text} AS TEXT) IS NULL OR search LIKE ${text} ESCAPE '!')
      AND (CAST(${states} AS TEXT) IS NULL OR ${states} LIKE '%,' || state || ',%')
    GROUP BY worker, code, type
    ORDER BY COUNT(*) DESC, worker, code, type`;
  return rows.map((row) => ({ ...row, count: Number(row.count) }));
}

/** Resolves with the dead letter with this id or unique prefix. Throws `dead_letter.not_found`. */
export async function findDeadLetter(store: Store, id: string): Promise<StoredDeadLetter> {
  const rows = await store.query<StoredRow>`
    SELECT * FROM dead_letters WHERE id LIKE ${`${escaped(id.toLowerCase())}%`} ESCAPE '!' ORDER BY id LIMIT 2`;
  const [row, another] = rows;
  if (row === undefined || id === '') throw new FlotillaError('dead_letter.not_found', JSON.stringify(id));
  if (another !== undefined && row.id !== id) {
    throw new FlotillaError(
      'dead_letter.not_found',
      `several ids begin with ${JSON.stringify(id)}; use a longer prefix`,
    );
  }
  return storedOf(row);
}

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

/** The workers, codes and types of all dead letters, including settled ones. */
export async function namesInDeadLetters(
  store: Pick<Store, 'query'>,
): Promise<Record<'workers' | 'codes' | 'types', readonly string[]>> {
  const rows = await store.query<{ worker: string; code: string; type: string | null }>`
    SELECT DISTINCT worker, code, type FROM dead_letters`;
  const distinct = (names: readonly (string | null)[]) => [...new Set(names)].filter((name) => name !== null).sort();
  return {
    workers: distinct(rows.map(({ worker }) => worker)),
    codes: distinct(rows.map(({ code }) => code)),
    types: distinct(rows.map(({ type }) => type)),
  };
}

/** Separates the names in a list that SQL searches; a name that contains the separator matches no pattern. */
const MARK = '\u001f';

async function parameters(store: Pick<Store, 'query'>, filter: DeadLetterFilter) {
  const { codes, types } = filter;
  const known = codes === undefined && types === undefined ? { codes: [], types: [] } : await namesInDeadLetters(store);
  return {
    id: filter.id === undefined ? null : `${escaped(filter.id.toLowerCase())}%`,
    worker: filter.worker ?? null,
    codes: matching(codes, known.codes),
    types: matching(types, known.types),
    subject: filter.subject ?? null,
    since: utc(filter.since),
    until: utc(filter.until),
    text: filter.text === undefined ? null : `%${escaped(filter.text.toLowerCase())}%`,
    states: filter.states === undefined ? null : `,${filter.states.join(',')},`,
  };
}

/** The names that match one of the patterns, each between two separators; null for any name. */
function matching(patterns: readonly string[] | undefined, names: readonly string[]): string | null {
  if (patterns === undefined) return null;
  const found = names.filter((name) => !name.includes(MARK) && patterns.some((pattern) => matches(pattern, name)));
  return found.map((name) => `${MARK}${name}${MARK}`).join('');
}

/** Times are compared as text, so all must have the same format. */
function utc(time: string | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

function escaped(text: string): string {
  return text.replace(/[!%_]/g, '!$&');
}
