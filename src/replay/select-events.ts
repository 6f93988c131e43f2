import { FlotillaError } from '../errors.js';
import { kindOf } from '../events/definitions.js';
import { matches } from '../events/patterns.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import type { HistoryEntry, HistoryRange, ReplaySelection } from './history/history.js';

/** Whether a past event is sent, or why not: it is a command, older than the worker's inbox remembers, or not
 *  selected. */
export type EventSelection = 'send' | 'command' | 'too_old' | 'not_selected';

/** The worker's types that match one of the patterns. Throws `replay.refused` for a pattern without a match. */
export function selectedTypes(
  { name, handlerOf }: WorkerDefinition,
  patterns: readonly string[] | undefined,
): string[] {
  const handled = [...handlerOf.keys()];
  const idle = patterns?.find((pattern) => !handled.some((type) => matches(pattern, type)));
  if (idle !== undefined) {
    throw new FlotillaError(
      'replay.refused',
      `${name} handles no type that matches ${idle}, only ${handled.join(', ')}`,
    );
  }
  return patterns === undefined
    ? handled
    : handled.filter((type) => patterns.some((pattern) => matches(pattern, type)));
}

/** The filter for reading history. */
export function filterOf(worker: WorkerDefinition, selection: ReplaySelection): HistoryRange['filter'] {
  const { types, commands: _, ...rest } = selection;
  return { ...rest, types: selectedTypes(worker, types) };
}

/** Returns a function that selects events. `remembered`: the inbox may have forgotten events from before this time, in
 *  milliseconds since the epoch; undefined if that does not matter. */
export function selector(
  worker: WorkerDefinition,
  selection: ReplaySelection,
  remembered: number | undefined,
): (event: HistoryEntry['event']) => EventSelection {
  const { subject, correlationId } = selection;
  const types = new Set(selectedTypes(worker, selection.types));
  const since = selection.since === undefined ? -Infinity : Date.parse(selection.since);
  const until = selection.until === undefined ? Infinity : Date.parse(selection.until);
  return (event) => {
    const isSelected =
      types.has(event.type) &&
      (subject === undefined || event.subject === subject) &&
      (correlationId === undefined || event.correlationId === correlationId) &&
      event.time >= since &&
      event.time < until;
    if (!isSelected) return 'not_selected';
    if (selection.commands !== true && kindOf(worker.definitions, event.type) === 'command') return 'command';
    return remembered !== undefined && event.time < remembered ? 'too_old' : 'send';
  };
}
