import { FlotillaError } from '../errors.js';
import { kindOf } from '../events/definitions.js';
import { matches } from '../events/patterns.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import type { HistoryEntry, HistoryRange, ReplaySelection } from './history.js';

/** What becomes of an event of the past: sent; a command, left out; older than the worker's inbox remembers, refused;
 *  or not meant. */
export type Verdict = 'send' | 'command' | 'too_old' | 'not_meant';

/** The types that are meant: those of the worker that match one of the patterns. Throws `replay.refused` for a pattern
 *  that matches none. */
export function typesMeant({ name, handlerOf }: WorkerDefinition, patterns: readonly string[] | undefined): string[] {
  const handled = [...handlerOf.keys()];
  const idle = patterns?.find((pattern) => !handled.some((type) => matches(pattern, type)));
  if (idle !== undefined) {
    throw new FlotillaError('replay.refused', `${name} handles nothing like ${idle}, only ${handled.join(', ')}`);
  }
  return patterns === undefined
    ? handled
    : handled.filter((type) => patterns.some((pattern) => matches(pattern, type)));
}

/** What history is asked for. */
export function filterOf(worker: WorkerDefinition, selection: ReplaySelection): HistoryRange['filter'] {
  const { types, commands: _, ...rest } = selection;
  return { ...rest, types: typesMeant(worker, types) };
}

/** Says of each event what becomes of it. `remembered`: what happened before it, in milliseconds since the epoch, the
 *  inbox may have forgotten; undefined where that does not matter. */
export function sorter(
  worker: WorkerDefinition,
  selection: ReplaySelection,
  remembered: number | undefined,
): (event: HistoryEntry['event']) => Verdict {
  const { subject, correlationId } = selection;
  const types = new Set(typesMeant(worker, selection.types));
  const since = selection.since === undefined ? -Infinity : Date.parse(selection.since);
  const until = selection.until === undefined ? Infinity : Date.parse(selection.until);
  return (event) => {
    const meant =
      types.has(event.type) &&
      (subject === undefined || event.subject === subject) &&
      (correlationId === undefined || event.correlationId === correlationId) &&
      event.time >= since &&
      event.time < until;
    if (!meant) return 'not_meant';
    if (selection.commands !== true && kindOf(worker.definitions, event.type) === 'command') return 'command';
    return remembered !== undefined && event.time < remembered ? 'too_old' : 'send';
  };
}
