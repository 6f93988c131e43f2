import type { z } from 'zod';
import type { Decider } from '../../aggregates/decider.js';
import type { DataOf, Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Handler, TypeName } from '../../events/handler-types.js';
import type { Projection } from '../../projections/definition.js';
import type { Saga } from '../../sagas/definition/types.js';
import type { Migration, Sql, Tx } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';

export interface EmitOptions {
  /** The aggregate of the event. @default the subject of the event that is handled */
  subject?: string;
}

/** Emits an event or command of a type that the worker lists in `emits`. */
export type Emit<D extends Definitions, E extends TypeName<D>> = <T extends E>(
  type: T,
  data: DataOf<D, T>,
  options?: EmitOptions,
) => void;

/** The transaction of a deferred write. Await nothing else in it. The write may run again. */
export interface WriteTx<D extends Definitions, E extends TypeName<D>, A extends TypeName<D> = never> {
  sql: Sql;
  read: Tx['read'];
  emit: <T extends E>(type: T, data: DataOf<D, T>, options?: EmitOptions) => Promise<void>;
  /** Decides on the aggregate `id` and appends the events. Resolves with the state after them. */
  execute: <State, Command, Event extends { type: E | A; data: unknown }>(
    decider: Decider<State, Command, Event>,
    id: string,
    command: Command,
  ) => Promise<{ state: State; version: number }>;
}

export interface CallOptions {
  /** The call changes something outside of the worker. During a replay without side effects (`ctx.sideEffects` is false) it is
   *  refused with `worker.side_effect_refused`: the message is dead-lettered, nothing is called and nothing is committed.
   *  A handler that can do without the call checks `ctx.sideEffects` first. @default false */
  sideEffect?: boolean;
  /** Classifies further errors as "the dependency is not available". */
  unavailable?: (error: unknown) => boolean;
}

/**
 * The context of a handler. Its writes are deferred: they are collected, and run when the handler has returned, in the
 * transaction that also writes the inbox row; then the message is acked. When the handler has returned or timed out,
 * every method throws `worker.revoked`.
 */
export interface Context<D extends Definitions, E extends TypeName<D>, Use, A extends TypeName<D> = never> {
  /** The result of `setup`. */
  readonly use: Use;
  /** Aborts when the handler times out or the process must end. */
  readonly signal: AbortSignal;
  /** 1 at the first delivery; failures while the circuit breaker is open are not counted. */
  readonly attempt: number;
  /** False where the event is certainly handled for the first time. True: an earlier handling may have called external
   *  services before it was interrupted, for example by a kill -9 or a lost answer. A handler that decides against a call
   *  must then find out whether the call was made, by repeating it with the same key. */
  readonly mayHaveRunBefore: boolean;
  /** The idempotency key for external calls: the id of the event, or, for an edited dead letter, the id of the event that
   *  it replaces. The same every time the event is handled. */
  readonly key: string;
  /** True in a replay of history. */
  readonly replaying: boolean;
  /** Whether external side effects are wanted: always, except in a replay without `--side-effects`. */
  readonly sideEffects: boolean;
  readonly log: Logger;
  /** Calls an external dependency. An error that means "not available" (refused, timed out, 5xx) becomes an
   *  `UnavailableError`, which the circuit breaker counts; other errors are not changed. */
  call: <T>(dependency: string, work: (signal: AbortSignal) => Promise<T>, options?: CallOptions) => Promise<T>;
  /** Reads the committed state of the worker's store, outside of any transaction. */
  query: Sql;
  write: (work: (tx: WriteTx<D, E, A>) => Promise<void>) => void;
  emit: Emit<D, E>;
  /** Emits at a later time: a date, or a duration from now ('30s', milliseconds). */
  schedule: <T extends E>(at: Date | string | number, type: T, data: DataOf<D, T>, options?: EmitOptions) => void;
  execute: <State, Command, Event extends { type: E | A; data: unknown }>(
    decider: Decider<State, Command, Event>,
    id: string,
    command: Command,
  ) => void;
}

export interface SetupContext<Settings> {
  settings: Settings;
  /** Aborts when the process ends. */
  signal: AbortSignal;
  log: Logger;
}

/** A length of time: milliseconds, or '250ms', '30s', '10m', '1h', '2d'. */
export type Duration = number | string;

export interface CircuitBreakerOptions {
  /** Failures in a row, each of another event, that open it. @default 5 */
  failures?: number;
  /** @default '10s' */
  halfOpenAfter?: Duration;
  /** The open time doubles up to this. @default '5m' */
  maxHalfOpenAfter?: Duration;
}

export interface WorkerOptions<
  D extends Definitions,
  E extends TypeName<D>,
  Settings extends z.ZodObject,
  Use,
  P extends string,
  A extends TypeName<D>,
> {
  /** Lower case letters, digits and dashes. Also the name of its queue. */
  name: string;
  /** The store, which workers may share. @default the worker's name */
  store?: string;
  /** Read from the environment by the command line: `pageSize` from PAGE_SIZE. */
  settings?: Settings;
  /** Runs once at start, before consuming. Its result is `ctx.use`. */
  setup?: (context: SetupContext<z.infer<Settings>>) => Promise<Use> | Use;
  /** Releases what `setup` acquired; runs after the drain. */
  teardown?: (use: Use) => Promise<void> | void;
  /** The types that its handlers emit by `ctx.emit`, `ctx.schedule` or `tx.emit`. Those of its sagas and `aggregates` need not be
   *  listed. */
  emits?: readonly E[];
  /** The deciders on which its handlers execute commands. Their events are emitted by `ctx.execute` and `tx.execute`. */
  aggregates?: readonly { readonly events: readonly A[] }[];
  /** `queue`: its own queue, bound by the keys of `on`. `log`: the stream of all events, from a checkpoint of its own: it
   *  also handles events from before its first start and from times when it was not deployed. @default 'queue' */
  from?: 'queue' | 'log';
  /** Where a worker that reads the log begins at its first start: with the oldest retained event, or with the next one.
   *  @default 'first' */
  offset?: 'first' | 'next';
  /** Allows `replay --again`. `idempotent`: handling an event again changes nothing. `reset`: its tables are emptied first,
   *  by `reset`. @default not allowed */
  replay?: 'idempotent' | 'reset';
  /** Empties the worker's tables, for `replay: 'reset'`. */
  reset?: (tx: { sql: Sql }) => Promise<void>;
  /** Projections that it updates from the events of its store. */
  projections?: readonly Projection[];
  /** Process managers that it runs: their messages reach its queue, and their state is in its store, which replicas
   *  share. */
  sagas?: readonly Saga[];
  /** Handlers by type or topic pattern. The most specific handler runs. Optional for a worker with `projections` or
   *  `sagas`. */
  on?: { readonly [K in P]: Handler<D, K, Context<D, E, Use, A>> };
  /** Runs once in the life of its store, at the first start, before consuming. */
  bootstrap?: (ctx: Pick<Context<D, E, Use, A>, 'write' | 'emit' | 'log'>) => void;
  /** Its own tables, created at start. */
  migrations?: readonly Migration[];
  /** Messages in flight at once. @default 100 */
  prefetch?: number;
  /** When it is over, the handler's signal aborts and its context is revoked. A handler that has not returned after three
   *  times this time is abandoned, and its message fails with `worker.timeout`. @default '30s' */
  timeout?: Duration;
  /** `none`: the replicas compete for messages, in no order. @default 'none' */
  ordering?: 'none';
  retry?: { delays: readonly Duration[] };
  circuitBreaker?: CircuitBreakerOptions;
  /** Runs when an event has used up its attempts, before it is dead-lettered. Its writes and events are committed, but the
   *  event does not count as handled. */
  onRetriesExhausted?: (
    event: EventEnvelope,
    error: Error,
    ctx: Pick<Context<D, E, Use, A>, 'write' | 'emit' | 'log'>,
  ) => void;
}
