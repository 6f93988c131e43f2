import type { z } from 'zod';
import type { Decider, DeclaredAggregate } from '../../aggregates/decider.js';
import type { TelemetryMessage, TelemetryResult } from '../telemetry/telemetry.js';
import type { PartitionCount } from '../../broker/messages/slot-headers.js';
import type { DataOf, Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Handler, TypeName } from '../../events/handler-types.js';
import type { Projection } from '../../projections/definition.js';
import type { Saga } from '../../sagas/definition/types.js';
import type { Windows } from '../../windows/definition.js';
import type { Migration, Sql, Tx } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';

/** The options of an emitted event or command. */
export interface EmitOptions {
  /** The aggregate of the event. @default the subject of the handled event */
  subject?: string;
  /** Its id. If the store has an event with this id, nothing is emitted. @default derived from the handled event */
  id?: string;
}

/** The messages of devices that a worker receives, see `WorkerOptions.telemetry`. */
export interface TelemetryOptions<D extends Definitions> {
  /** The topics to which devices publish. One level is `{device}`, the id of the device: `sensors/{device}/readings`. */
  topics: readonly [string, ...string[]];
  /** The topics to which the fleet publishes, and that a device may subscribe to: `sensors/{device}/alerts`.
   *  @default none */
  replies?: readonly string[];
  /** Returns the message that the worker handles in place of that of the device. Must depend on its parameter alone, and
   *  throws a `PermanentError` for a message that is not valid: it is dead-lettered with its code. */
  read: (message: TelemetryMessage) => { [T in TypeName<D>]: TelemetryResult<T, DataOf<D, T>> }[TypeName<D>];
}

/** Emits an event or a command of a type listed in `emits` of the worker. */
export type Emit<D extends Definitions, E extends TypeName<D>> = <T extends E>(
  type: T,
  data: DataOf<D, T>,
  options?: EmitOptions,
) => void;

/** The transaction of a deferred write. The write must await only the methods of this object, and it may run more than
 *  once. */
export interface WriteTx<D extends Definitions, E extends TypeName<D>, A extends TypeName<D> = never> {
  sql: Sql;
  /** Reads the events of a stream in this transaction. */
  read: Tx['read'];
  emit: <T extends E>(type: T, data: DataOf<D, T>, options?: EmitOptions) => Promise<void>;
  /** Decides on the aggregate `id` and appends the resulting events. Resolves with the new state. */
  execute: <State, Command, Event extends { type: E | A; data: unknown }>(
    decider: Decider<State, Command, Event>,
    id: string,
    command: Command,
  ) => Promise<{ state: State; version: number }>;
}

/** The options of a call to an external dependency. */
export interface CallOptions {
  /** Marks a call that changes an external service. A replay without side effects (`ctx.sideEffects` is false) refuses
   *  it with `worker.side_effect_refused`: the message is dead-lettered, and nothing is called or committed. A handler
   *  that can work without the call checks `ctx.sideEffects` first. @default false */
  sideEffect?: boolean;
  /** Classifies additional errors as "the dependency is unavailable". */
  unavailable?: (error: unknown) => boolean;
}

/** The context of a handler. Writes are deferred: they run after the handler has returned, in the transaction that also
 *  writes the inbox row; then the message is acked. After the handler has returned or timed out, every method throws
 *  `worker.revoked`. */
export interface Context<D extends Definitions, E extends TypeName<D>, Use, A extends TypeName<D> = never> {
  /** The result of `setup`. */
  readonly use: Use;
  /** Aborts when the handler times out or the process must end immediately. */
  readonly signal: AbortSignal;
  /** The number of this attempt, from 1. Failures while the circuit breaker is open are not counted. */
  readonly attempt: number;
  /** False if the event is certainly handled for the first time. True: an interrupted handling may have called external
   *  services before, for example before a kill -9 or a lost reply. A handler that decides against a call must then
   *  find out whether the call was made, by repeating it with the same key. */
  readonly mayHaveRunBefore: boolean;
  /** The idempotency key for external calls, the same in every attempt: the id of the event, or for an edited dead
   *  letter the id of the original event. */
  readonly key: string;
  /** Whether the event is delivered by a replay of history. */
  readonly replaying: boolean;
  /** Whether to perform external side effects. False only in a replay without `--side-effects`. */
  readonly sideEffects: boolean;
  /** A logger whose entries contain the id, the type and the correlation of the event. */
  readonly log: Logger;
  /** Calls an external dependency. An error that means "unavailable" (refused, timed out, 5xx) becomes an
   *  `UnavailableError`, which the circuit breaker counts; other errors pass through unchanged. */
  call: <T>(dependency: string, work: (signal: AbortSignal) => Promise<T>, options?: CallOptions) => Promise<T>;
  /** Reads the committed state of the worker's store, outside of any transaction. */
  query: Sql;
  /** Defers a write. Deferred writes run in the order of their calls. */
  write: (work: (tx: WriteTx<D, E, A>) => Promise<void>) => void;
  /** Emits an event or a command, deferred. Throws `contract.undeclared_emit` for a type that is not in `emits`, and
   *  `contract.invalid_data`. */
  emit: Emit<D, E>;
  /** Emits at a later time: at a date, or after a duration ('30s', or milliseconds). */
  schedule: <T extends E>(at: Date | string | number, type: T, data: DataOf<D, T>, options?: EmitOptions) => void;
  /** Executes a command on the aggregate `id`, deferred: the decider decides in the transaction of the writes. */
  execute: <State, Command, Event extends { type: E | A; data: unknown }>(
    decider: Decider<State, Command, Event>,
    id: string,
    command: Command,
  ) => void;
}

/** The context of `setup`. */
export interface SetupContext<Settings> {
  settings: Settings;
  /** Aborts when the process ends. */
  signal: AbortSignal;
  log: Logger;
}

/** A length of time: milliseconds, or '250ms', '30s', '10m', '1h', '2d'. */
export type Duration = number | string;

/** The options of a worker's circuit breaker. */
export interface CircuitBreakerOptions {
  /** Consecutive failures, each of a different event, that open it. @default 5 */
  failures?: number;
  /** @default '10s' */
  halfOpenAfter?: Duration;
  /** Upper limit of the open time, which doubles after each failed probe. @default '5m' */
  maxHalfOpenAfter?: Duration;
}

/** What ends the wait of a subject behind an event that has used up its attempts. `continue`: its dead letter; the next
 *  events of the subject are handled. `hold`: an operator, who replays the dead letter, or releases or skips it. */
export type WhenExhausted = 'continue' | 'hold';

/** With which number the sequence of a subject begins at a worker. `first`: 1; `any`: that of the event that arrives first. */
export type SequenceStart = 'first' | 'any';

/** In which order a worker handles messages, see `WorkerOptions.ordering`. */
export interface OrderingOptions<P extends string = string> {
  /** `subject`: the events of one subject in the order in which they were published, subjects concurrently. `total`: all
   *  events in this order, one at a time. `sequence`: the events of one source and subject with consecutive numbers
   *  (`sequence` of the event): one that arrives early waits for its predecessors. */
  by: 'subject' | 'total' | 'sequence';
  /** Queues among which subjects are distributed; each is consumed by one replica at a time. Not for `total`.
   *  @default 16 */
  partitions?: PartitionCount;
  /** Keys of `on` whose messages are handled in no particular order, by all replicas. Not for `sequence`. @default none */
  unordered?: readonly P[];
  /** Handles the next event of a subject before the effects of the one before are committed, so that one commit contains
   *  many of them. `ctx.query` and `ctx.call` wait for that commit, and `tx` in `ctx.write` sees what is in it; the handlers
   *  must do nothing else outside of `ctx`. If the effects of an event are rolled back, the handlers of the next ones run
   *  again. Not for `sequence`. @default false */
  pipelined?: boolean;
  /** @default 'hold' for `sequence`, otherwise 'continue' */
  whenExhausted?: WhenExhausted;
  /** For `sequence`: how long an event waits for its predecessors before it is dead-lettered with `worker.sequence_gap`.
   *  @default '1m' */
  gapTimeout?: Duration;
  /** For `sequence`: the first number of a subject. With `any`, an event that arrives later than the first one, with a lower
   *  number, is handled when it arrives. @default 'first' */
  startsAt?: SequenceStart;
}

export interface WorkerOptions<
  D extends Definitions,
  E extends TypeName<D>,
  Settings extends z.ZodObject,
  Use,
  P extends string,
  A extends TypeName<D>,
> {
  /** Lower-case letters, digits and dashes. Also the name of the worker's queue. */
  name: string;
  /** The name of the store. Workers may share one. @default the worker's name */
  store?: string;
  /** The schema of its settings, read from the environment: `pageSize` from PAGE_SIZE. */
  settings?: Settings;
  /** Runs once at start, before consuming. Its result is `ctx.use`. */
  setup?: (context: SetupContext<z.infer<Settings>>) => Promise<Use> | Use;
  /** Returns what is wrong with the resources that `setup` acquired and that the worker cannot correct, such as a refused
   *  certificate: `/readyz` and `flotilla status` then report the worker as not ready, while it goes on. Undefined if nothing
   *  is. Called for each request: must be fast. @default never anything */
  check?: (use: Use) => string | undefined;
  /** Releases the resources that `setup` acquired; runs after the drain. */
  teardown?: (use: Use) => Promise<void> | void;
  /** The types that its handlers emit with `ctx.emit`, `ctx.schedule` or `tx.emit`. Types of its sagas, windows and
   *  `aggregates` need not be listed. */
  emits?: readonly E[];
  /** The deciders on which its handlers execute commands with `ctx.execute` and `tx.execute`, which emit their events.
   *  `{ ...order, emits: ['order.status_changed'] }`: its commands emit only these of them. */
  aggregates?: readonly DeclaredAggregate<A>[];
  /** The types whose handling may cause the same type again, and why that ends: `flotilla flow --check` refuses a cycle of
   *  messages that is not declared. Sagas declare nothing. @default none */
  cycles?: readonly { readonly types: readonly TypeName<D>[]; readonly reason: string }[];
  /** `queue`: the worker's own queue, bound by the keys of `on`. `log`: the stream of all events, from the worker's own
   *  checkpoint, including events from before its first start and from times when it was not deployed.
   *  @default 'queue' */
  from?: 'queue' | 'log';
  /** Where a worker with `from: 'log'` begins at its first start: at the oldest retained event, or at the next one.
   *  @default 'first' */
  offset?: 'first' | 'next';
  /** Allows `replay --again`. `idempotent`: handling an event again changes nothing. `reset`: `reset` empties its
   *  tables first. @default not allowed */
  replay?: 'idempotent' | 'reset';
  /** Empties the worker's tables, for `replay: 'reset'`. */
  reset?: (tx: { sql: Sql }) => Promise<void>;
  /** The projections that it updates from the events of its store. */
  projections?: readonly Projection[];
  /** The windows that it computes from the log of all events. Their state is in its store, to which their results are
   *  appended. */
  windows?: readonly Windows[];
  /** The sagas that it runs. Their messages reach its queue, and their state is in its store, which its replicas
   *  share. */
  sagas?: readonly Saga[];
  /** Handlers by type or topic pattern. The most specific handler runs, with the event in its latest version. A key
   *  such as `order.created@1` requests a version: it handles events of that version and of older ones, which are
   *  upcast to it, unless another key requests a version between. Optional for a worker with `projections`,
   *  `windows` or `sagas`. */
  on?: { readonly [K in P]: Handler<D, K, Context<D, E, Use, A>> };
  /** Messages of devices, by MQTT or from other programs that know neither events nor the key of the fleet. They arrive at
   *  the exchange `telemetry`, from which only the declared topics reach the queue of the worker. Its type is declared with
   *  `fromOutside(…, 'telemetry')`. Not for ordered workers. @default none */
  telemetry?: TelemetryOptions<D>;
  /** Returns whether the worker acts on an event. Other events are acknowledged without an inbox row and without a
   *  commit, which costs less than a handler that does nothing. Must depend on the event alone. Not for sagas.
   *  @default every event that has a handler */
  accepts?: (event: EventEnvelope) => boolean;
  /** Runs once per store, at the first start, before consuming. */
  bootstrap?: (ctx: Pick<Context<D, E, Use, A>, 'write' | 'emit' | 'log'>) => void;
  /** Migrations of its own tables, applied at start. */
  migrations?: readonly Migration[];
  /** Maximum number of messages in flight. @default 100 */
  prefetch?: number;
  /** Time limit of a handler. When it expires, the handler's signal aborts and its context is revoked. A handler that
   *  has not returned after three times the limit is abandoned, and its message fails with `worker.timeout`.
   *  @default '30s' */
  timeout?: Duration;
  /** `none`: replicas compete for messages, in no particular order. Otherwise messages are handled in order, and one that
   *  fails waits for its next attempt in the store, with the later ones of its subject behind it. @default 'none' */
  ordering?: 'none' | OrderingOptions['by'] | OrderingOptions<NoInfer<P>>;
  retry?: { delays: readonly Duration[] };
  circuitBreaker?: CircuitBreakerOptions;
  /** Runs when an event has used up its attempts, before it is dead-lettered. Its writes and events are committed, but
   *  the event does not count as handled. */
  onRetriesExhausted?: (
    event: EventEnvelope,
    error: Error,
    ctx: Pick<Context<D, E, Use, A>, 'write' | 'emit' | 'log'>,
  ) => void;
}
