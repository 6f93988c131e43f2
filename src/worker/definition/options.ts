import type { z } from 'zod';
import type { Decider } from '../../aggregates/decider.js';
import type { DataOf, Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Handler, TypeName } from '../../events/handler.js';
import type { Opaque } from '../../opaque.js';
import type { Projection } from '../../projections/projection.js';
import type { Saga } from '../../sagas/definition/types.js';
import type { Migration, Sql, Tx } from '../../store/contract.js';
import type { Logger } from '../../telemetry/logger.js';

export interface EmitOptions {
  /** What the event is about. @default the subject of the event that is handled */
  subject?: string;
}

/** Says what happened. Only the types that the worker lists in `emits`. */
export type Emit<D extends Definitions, E extends TypeName<D>> = <T extends E>(
  type: T,
  data: DataOf<D, T>,
  options?: EmitOptions,
) => void;

/** The transaction as a worker's write sees it. Await nothing but this; it may be run again. */
export interface WriteTx<D extends Definitions, E extends TypeName<D>> {
  sql: Sql;
  read: Tx['read'];
  emit: <T extends E>(type: T, data: DataOf<D, T>, options?: EmitOptions) => Promise<void>;
  /** Decides on the aggregate `id` and appends; gives the state after it. */
  execute: <State, Command, Event extends { type: E; data: unknown }>(
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
 * What a handler works with. What it stores it only says here: it is collected, and run after the handler has
 * returned, in the one transaction that also marks the event as handled; then the message is acked. Once the handler
 * has returned or timed out, every method throws `worker.revoked`.
 */
export interface Context<D extends Definitions, E extends TypeName<D>, Use> {
  /** What `setup` gave. */
  readonly use: Use;
  /** Aborts when the handler times out or the process must end. */
  readonly signal: AbortSignal;
  /** 1 at the first delivery; failures while the circuit breaker is open are not counted. */
  readonly attempt: number;
  /** False where this is surely the first time that the event is handled. True: an earlier handling may have reached the
   *  world outside without coming to its end here, by a kill -9 or a lost answer. Who decides not to call, because of what
   *  has come in since, must then find out what was done; the same call under the same key says so. */
  readonly mayHaveRunBefore: boolean;
  /** The idempotency key for the world outside: the event's id, but for a mended dead letter that of the event it
   *  replaces. The same however often the event is handled. */
  readonly key: string;
  /** True when history is handled again on purpose: what the world outside was told then, it need not be told again. */
  readonly replaying: boolean;
  /** Whether the world outside is to hear of this: always, but while replaying only where the operator has said so. */
  readonly sideEffects: boolean;
  readonly log: Logger;
  /** Does I/O with a dependency. An answer that means "not available" (refused, timed out, 5xx) becomes an
   *  `UnavailableError`, which the circuit breaker counts; other errors pass as they are. */
  call: <T>(dependency: string, work: (signal: AbortSignal) => Promise<T>, options?: CallOptions) => Promise<T>;
  /** Reads what is committed in the worker's store, outside of any transaction. */
  query: Sql;
  write: (work: (tx: WriteTx<D, E>) => Promise<void>) => void;
  emit: Emit<D, E>;
  /** Emits at a later time: a date, or a duration from now ('30s', milliseconds). */
  schedule: <T extends E>(at: Date | string | number, type: T, data: DataOf<D, T>, options?: EmitOptions) => void;
  execute: <State, Command, Event extends { type: E; data: unknown }>(
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
> {
  /** Lower case, digits and dashes; the name of its queue. */
  name: string;
  /** The store it shares with others. @default the worker's name */
  store?: string;
  /** Read from the environment by the command line: `gatewayUrl` from GATEWAY_URL. */
  settings?: Settings;
  /** Runs once at start, before anything is consumed. What it gives is `ctx.use`. */
  setup?: (context: SetupContext<z.infer<Settings>>) => Promise<Use> | Use;
  /** Ends what `setup` began; runs after the drain. */
  teardown?: (use: Use) => Promise<void> | void;
  /** The types it may emit. */
  emits?: readonly E[];
  /** `queue`: its own queue, bound by the keys of `on`. `log`: the stream of everything, from a checkpoint of its own, so
   *  that it may begin with the past and sees what came while it was not deployed. @default 'queue' */
  from?: 'queue' | 'log';
  /** Where a worker that reads the log begins the first time: with the oldest event that is kept, or with the next one.
   *  @default 'first' */
  offset?: 'first' | 'next';
  /** What may be done when history is sent to it once more (`replay --again`). `idempotent`: handling an event again
   *  changes nothing. `reset`: its tables are emptied first, by `reset`. @default it may not be */
  replay?: 'idempotent' | 'reset';
  /** Empties the worker's tables, for `replay: 'reset'`. */
  reset?: (tx: { sql: Sql }) => Promise<void>;
  /** Read models that it keeps up to date from the events of its store. */
  projections?: readonly Projection[];
  /** Process managers that it runs: what they take reaches its queue, what they decide is in its store. Replicas share
   *  them. */
  sagas?: readonly Saga[];
  /** Handlers by type or topic pattern. One handler runs per event, the most specific. Only a worker that has
   *  `projections` or `sagas` may do without. */
  on?: { readonly [K in P]: Handler<D, K, Context<D, E, Use>> };
  /** Runs once in the life of its store, at first start, before anything is consumed. */
  bootstrap?: (ctx: Pick<Context<D, E, Use>, 'write' | 'emit' | 'log'>) => void;
  /** Tables of its own, made at start. */
  migrations?: readonly Migration[];
  /** Messages in hand at once. @default 100 */
  prefetch?: number;
  /** After which the handler's signal aborts and its context is revoked. A handler that has not returned after three times as
   *  long is abandoned, and its message has failed with `worker.timeout`. @default '30s' */
  timeout?: Duration;
  /** `none`: the replicas compete for messages, in no order. @default 'none' */
  ordering?: 'none';
  retry?: { delays: readonly Duration[] };
  circuitBreaker?: CircuitBreakerOptions;
  /** Runs when an event has used up its attempts, before it goes to the dead letters; what it emits and writes is
   *  committed, but the event does not count as handled. */
  onRetriesExhausted?: (
    event: EventEnvelope,
    error: Error,
    ctx: Pick<Context<D, E, Use>, 'write' | 'emit' | 'log'>,
  ) => void;
}
