import { FlotillaError } from '../errors.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import { checkRequest } from './check-request.js';
import { dryRun, type DryRunOptions, type ReplayDryRun } from './dry-run.js';
import type { ReplaySelection } from './history/history.js';
import type { ReplayContext } from './replay-context.js';
import type { ReplayCallbacks, ReplayRequest, ReplayRun } from './runs/replay-run.js';
import { selectedTypes } from './select-events.js';
import { startReplay } from './start-replay.js';

/** Which past events `FleetSession.prepareReplay` selects for a worker, and how they are sent. */
export interface PrepareReplayOptions {
  /** @default all events that the worker handles, without commands */
  selection?: ReplaySelection | undefined;
  /** Also sends events that the worker has handled; it must declare `replay`. @default false */
  again?: boolean | undefined;
  /** Repeats external side effects. @default false */
  sideEffects?: boolean | undefined;
  /** Also allows events that the inbox may have forgotten, and a reset with an incomplete history. @default false */
  force?: boolean | undefined;
  /** Maximum number of events per second. @default unlimited */
  rate?: number | undefined;
  /** Maximum number of events in total. @default unlimited */
  limit?: number | undefined;
  /** The operator, for the audit. */
  who: string;
  /** @default the journal if its store is on this machine and it has started, otherwise the log */
  from?: 'log' | 'journal' | undefined;
  /** Only events that the store of their service contains, where it is on this machine. @default false */
  verified?: boolean | undefined;
  /** `read` is sufficient for a dry run; `start` then rejects. @default write */
  access?: 'read' | 'write' | undefined;
}

/** A replay that is possible and has not started. */
export interface PreparedReplay {
  readonly from: 'log' | 'journal';
  /** Consequences that an operator may not expect, each in one sentence without a full stop. */
  readonly warnings: readonly string[];
  /** Reads history and counts what `start` would send. Changes nothing. */
  dryRun(options?: DryRunOptions): Promise<ReplayDryRun>;
  /** Sends the events to the worker's queue. Resolves with the run: done, or interrupted if the signal of the session
   *  aborted. Rejects with `replay.refused` while another replay to the worker is running, with `replay.held_up` if the
   *  worker does not handle the events, and with `broker.*` and `log.*`; the run is then interrupted and can be resumed. */
  start(callbacks?: ReplayCallbacks): Promise<ReplayRun>;
}

/** The request of an operator, with defaults. Throws `replay.refused` for types that the worker does not handle. */
export function replayRequest(worker: WorkerDefinition, options: PrepareReplayOptions): ReplayRequest {
  const { selection = {}, again, sideEffects, force, rate, limit, who } = options;
  if (worker.handlerOf.size > 0) selectedTypes(worker, selection.types);
  return {
    selection,
    // `checkRequest` refuses a worker that declares neither
    again: again === true ? (worker.replay ?? 'idempotent') : null,
    sideEffects: sideEffects === true,
    force: force === true,
    rate: rate ?? null,
    limit: limit ?? null,
    who,
  };
}

/** Checks the request. Rejects with `replay.refused` with the remedy. */
export async function prepareReplay(
  context: ReplayContext,
  request: ReplayRequest,
  { access, signal }: { access: 'read' | 'write'; signal: AbortSignal },
): Promise<PreparedReplay> {
  const warnings = await checkRequest(context, request);
  return {
    from: context.history.from,
    warnings,
    dryRun: (options) => dryRun(context, request, { ...options, signal }),
    start: async (callbacks) => {
      if (access === 'read') throw new FlotillaError('replay.refused', `it was prepared with access 'read'`);
      return startReplay(context, request, { ...callbacks, signal });
    },
  };
}
