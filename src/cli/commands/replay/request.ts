import { InvalidArgumentError } from 'commander';
import type { ReplaySelection } from '../../../replay/history/history.js';
import type { PrepareReplayOptions } from '../../../replay/prepare-replay.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { operatorName } from '../../shared/session.js';
import { UsageError } from '../../shared/failure.js';
import { wholeNumber } from '../../shared/input/arguments.js';
import { requireMatch } from '../../shared/input/type-patterns.js';

export interface ReplayFlags {
  to?: string;
  resume?: string;
  list?: boolean;
  type: string[];
  subject?: string;
  correlation?: string;
  since?: string;
  until?: string;
  from?: 'log' | 'journal';
  verified?: boolean;
  commands?: boolean;
  again?: boolean;
  sideEffects?: boolean;
  dryRun?: boolean;
  items?: number;
  rate?: number;
  limit?: number;
  force?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** The options that --resume and --list accept: the others were given when the replay started. */
const ALWAYS: ReadonlySet<string> = new Set(['to', 'resume', 'list', 'rate', 'verified', 'json', 'yes']);

/** The listed events are held in memory. */
const MAX_ITEMS = 100_000;

/** Parses the number of events that a dry run lists. */
export function items(text: string): number {
  const value = wholeNumber(text);
  if (value > MAX_ITEMS) throw new InvalidArgumentError(`It must be at most ${MAX_ITEMS}.`);
  return value;
}

/** The mode of the command. Throws `UsageError`. */
export function modeOf(flags: ReplayFlags): 'start' | 'resume' | 'list' {
  const given = [flags.to, flags.resume, flags.list].filter((flag) => flag !== undefined);
  if (given.length !== 1) throw new UsageError('use one of --to <worker>, --resume <run> and --list');
  if (flags.items !== undefined && !(flags.dryRun === true && flags.json === true)) {
    throw new UsageError('--items requires --dry-run --json');
  }
  if (flags.to !== undefined) return 'start';
  const surplus = Object.entries(flags).filter(
    ([name, value]) => !ALWAYS.has(name) && value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  if (surplus.length > 0) {
    throw new UsageError(`${surplus.map(([name]) => name).join(', ')} requires --to`);
  }
  return flags.resume === undefined ? 'list' : 'resume';
}

/** The requested replay. Throws `UsageError` for contradictions, and `name.unknown` for types that the catalogue does not have. */
export function requestOf(flags: ReplayFlags, worker: WorkerDefinition): PrepareReplayOptions {
  const { type, subject, correlation, since, until, commands } = flags;
  if (since !== undefined && until !== undefined && Date.parse(since) >= Date.parse(until)) {
    throw new UsageError('--since must be before --until');
  }
  const selection: ReplaySelection = {
    ...(type.length > 0 && { types: type }),
    ...(subject !== undefined && { subject }),
    ...(correlation !== undefined && { correlationId: correlation }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(commands === true && { commands }),
  };
  requireMatch('type', type, Object.keys(worker.definitions));
  const { again, sideEffects, force, rate, limit, from, verified } = flags;
  return {
    selection,
    again,
    sideEffects,
    force,
    rate,
    limit,
    from,
    verified,
    access: flags.dryRun === true ? 'read' : 'write',
    who: operatorName(),
  };
}
