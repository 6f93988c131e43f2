import { parseDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { PendingChange } from '../../store/pending-change.js';
import type { ErasedContext } from '../definition/worker-definition.js';
import type { Emissions, Effect } from './effects.js';
import type { LazySignal } from '../../concurrency/lazy-signal.js';
import type { WorkerPipelineContext } from '../pipeline/context.js';
import { eventLogFields } from '../pipeline/message.js';
import { whenCommitted } from '../pipeline/when-committed.js';
import { callDependency } from './call-dependency.js';

/** The context of a running handler, and a function that revokes it. */
export interface OpenContext {
  readonly ctx: ErasedContext;
  readonly effects: readonly Effect[];
  /** After this call, every method of the context throws `worker.revoked`. */
  revoke: () => void;
}

/** One handling of one event. */
export interface Handling {
  attempt: number;
  mayHaveRunBefore: boolean;
  key: string;
  /** @default false */
  replaying?: boolean;
  /** @default true */
  sideEffects?: boolean;
  signal: LazySignal;
  /** See `Message`. */
  after?: PendingChange | undefined;
}

/** Creates the context for one handling of one event. */
export function openHandlerContext(
  pipeline: WorkerPipelineContext,
  event: EventEnvelope,
  emissions: Emissions,
  { attempt, mayHaveRunBefore, key, replaying = false, sideEffects = true, signal, after }: Handling,
): OpenContext {
  const effects: Effect[] = [];
  let open = true;
  const add = (effect: Effect) => {
    ensureOpen();
    effects.push(effect);
  };
  const ensureOpen = () => {
    if (!open || signal.aborted)
      throw new FlotillaError('worker.revoked', `${pipeline.definition.name}, event ${event.id}`);
  };
  const afterOthers = async <T>(work: () => Promise<T>): Promise<T> => {
    if (after !== undefined) {
      await whenCommitted(after);
      ensureOpen();
    }
    return work();
  };
  const ctx: ErasedContext = {
    use: pipeline.use,
    get signal() {
      return signal.signal;
    },
    attempt,
    mayHaveRunBefore,
    key,
    replaying,
    sideEffects,
    get log() {
      return pipeline.logger.child(eventLogFields(event));
    },
    call: (dependency, work, options = {}) => {
      ensureOpen();
      if (options.sideEffect === true && !sideEffects) {
        throw new FlotillaError('worker.side_effect_refused', `${pipeline.definition.name} calls ${dependency}`);
      }
      return afterOthers(() =>
        callDependency(
          dependency,
          () => work(signal.signal),
          (error) => signal.aborted || options.unavailable?.(error) === true,
        ),
      );
    },
    query: (text, ...values) => {
      ensureOpen();
      return afterOthers(() => pipeline.store.query(text, ...values));
    },
    write: (work) => add({ kind: 'write', work }),
    emit: (type, data, options) => {
      ensureOpen();
      effects.push({ kind: 'emit', event: emissions.create(type, data, options) });
    },
    schedule: (at, type, data, options) => {
      ensureOpen();
      const dueAt = at instanceof Date ? at.getTime() : pipeline.clock.now() + parseDuration(at);
      effects.push({ kind: 'schedule', dueAt, event: emissions.create(type, data, options) });
    },
    execute: (decider, id, command) => add({ kind: 'handle', decider: decider as never, id, command }),
  };
  return { ctx, effects, revoke: () => (open = false) };
}
