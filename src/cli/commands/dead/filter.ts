import { Option, type Command } from 'commander';
import { DEAD_LETTER_STATES, type DeadLetterState } from '../../../dead-letters/dead-letter.js';
import { namesInDeadLetters, type DeadLetterFilter, type Selection } from '../../../dead-letters/storage/queries.js';
import { errors } from '../../../errors.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Store } from '../../../store/store.js';
import { time } from '../../shared/input/arguments.js';
import { UsageError } from '../../shared/failure.js';
import { PATTERN_HELP, patterns, requireMatch } from '../../shared/input/type-patterns.js';

/** The options by which the `dead` commands select dead letters. */
export interface FilterFlags {
  worker?: string;
  code: string[];
  type: string[];
  subject?: string;
  since?: string;
  until?: string;
  search?: string;
  state?: DeadLetterState | 'all';
  all?: boolean;
}

export function withFilters(command: Command): Command {
  return command
    .option('--worker <name>')
    .option('--code <pattern>', `error code: ${PATTERN_HELP}; can be repeated`, patterns, [])
    .option('--type <pattern>', `event type: ${PATTERN_HELP}; can be repeated`, patterns, [])
    .option('--subject <subject>', 'such as order/<id>')
    .option('--since <time>', `dead-lettered at or after: RFC 3339, or '2h' for two hours ago`, time)
    .option('--until <time>', 'dead-lettered before', time)
    .option('--search <text>', 'text in ids, error message or body');
}

export function withState(command: Command): Command {
  return command.addOption(
    new Option('--state <state>', '(default: dead and replaying)').choices([...DEAD_LETTER_STATES, 'all']),
  );
}

export function filterOf({ worker, code, type, subject, since, until, search, state }: FilterFlags): DeadLetterFilter {
  const states: readonly DeadLetterState[] | undefined =
    state === 'all' ? undefined : state === undefined ? ['dead', 'replaying'] : [state];
  return {
    ...(worker !== undefined && { worker }),
    ...(code.length > 0 && { codes: code }),
    ...(type.length > 0 && { types: type }),
    ...(subject !== undefined && { subject }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(search !== undefined && { text: search }),
    ...(states !== undefined && { states }),
  };
}

/** Throws `name.unknown` for a worker, a code or a type of the filter that neither this fleet nor a stored dead letter
 *  has: workers, types and codes of an earlier version of the fleet or of a foreign publisher can still be selected. */
export async function requireNames(
  { workers, catalogue }: Pick<Fleet, 'workers' | 'catalogue'>,
  store: Store,
  filter: DeadLetterFilter,
): Promise<void> {
  const { worker, codes = [], types = [] } = filter;
  if (worker === undefined && codes.length + types.length === 0) return;
  const stored = await namesInDeadLetters(store);
  const known = (own: readonly string[], others: readonly string[]) => [...new Set([...own, ...others])];
  if (worker !== undefined) {
    requireKnown(
      'worker',
      worker,
      known(
        workers.map(({ name }) => name),
        stored.workers,
      ),
    );
  }
  requireMatch('type', types, known(Object.keys(catalogue.definitions), stored.types));
  requireMatch('code', codes, known(Object.keys(errors), stored.codes));
}

/** The dead letters that a command changes: by ids, by filters, or with --all. Throws `UsageError` without any of these. */
export function selectionOf(ids: readonly string[], flags: FilterFlags): Selection {
  const { states: _, ...filter } = filterOf(flags);
  const filtered = Object.keys(filter).length > 0;
  if (ids.length > 0) {
    if (filtered || flags.all === true) throw new UsageError('use ids or filters, not both');
    return { ids };
  }
  if (!filtered && flags.all !== true)
    throw new UsageError('nothing selected: use ids, filters such as --worker, or --all');
  return { filter };
}
