import type { DataOf, Definitions } from '../../events/definitions.js';
import type { MessageDefinition } from '../../events/definition.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Opaque } from '../../opaque.js';

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Milliseconds, or '250ms', '30s', '10m', '1h', '2d'. At most 10 years. */
type Duration = number | string;

type NameOfKind<D extends Definitions, K extends 'event' | 'command'> = {
  [T in keyof D & string]: D[T] extends MessageDefinition<unknown, K> ? T : never;
}[keyof D & string];

export type EventName<D extends Definitions> = NameOfKind<D, 'event'>;
export type CommandName<D extends Definitions> = NameOfKind<D, 'command'>;

/** The input for the data of a command. */
export interface SagaContext<Input> {
  sagaId: string;
  /** The value that `input` returned for the event that started the saga. */
  input: Input;
  /** The values that `result` returned for the answers so far, by step name. */
  results: Readonly<Record<string, Json>>;
  /** Why the saga is compensating; empty while it moves forward. */
  reason: string;
}

/** A command and a function that returns its data. The function must be pure. */
export type CommandOf<D extends Definitions, Input> = {
  [T in CommandName<D>]: { type: T; data: (context: SagaContext<Input>) => DataOf<D, T> };
}[CommandName<D>];

/** The answer that a step was executed; `result` returns the data to keep for later commands. */
export type DoneBy<D extends Definitions> =
  EventName<D> | { [T in EventName<D>]: { type: T; result: (data: DataOf<D, T>) => Json } }[EventName<D>];

/** The retry policy of a command. `SAGA_TIMEOUT` and `SAGA_RETRY_DELAYS` replace these values in every saga. */
interface AttemptOptions {
  /** The attempt fails if no answer arrives within this time; above 0. */
  timeout: Duration;
  /** The delays between attempts: one further attempt for each delay. @default no further attempt */
  retryDelays?: readonly Duration[];
  /** Whether to retry after a `failed` answer with this reason. Timeouts are always retried. @default steps are not
   *  retried, compensations are */
  retries?: (reason: string) => boolean;
}

/** How a step is compensated. */
export interface CompensationOptions<D extends Definitions, Input> extends AttemptOptions {
  command: CommandOf<D, Input>;
  /** The answer after the compensation. The service also sends it when there is nothing to compensate. */
  done: EventName<D>;
  /** Answers that the step cannot be compensated. @default none */
  failed?: readonly EventName<D>[];
}

/** A step of a saga: a command, its answers and its compensation. */
export interface StepOptions<D extends Definitions, Input> extends AttemptOptions {
  /** Lower-case letters, digits and single dashes. */
  name: string;
  command: CommandOf<D, Input>;
  /** The answer after the execution. */
  done: DoneBy<D>;
  /** Answers that the step was not executed. The saga copies their `reason`, if present. @default none */
  failed?: readonly EventName<D>[];
  /** How the step is compensated if a later step fails or the saga is cancelled.
   *  @default the step is not compensated */
  compensate?: CompensationOptions<D, Input>;
}

/** A saga (process manager). It executes its steps in order, each with a command that a service answers. When a
 *  step fails, it compensates the completed steps in reverse order. A command may be sent more than once, because an
 *  answer may be late or lost: services act once per saga and repeat their answer. */
export interface SagaOptions<
  D extends Definitions,
  Start extends EventName<D>,
  Cancel extends EventName<D>,
  Input extends Json,
> {
  /** Lower-case letters, digits and single dashes. The stream of a saga is `<name>/<id>`. */
  name: string;
  /** The event that starts a saga. */
  startedBy: Start;
  /** Whether an event concerns this saga; called for the start, the cancellation and the answers. @default all do */
  accepts?: (event: EventEnvelope) => boolean;
  /** The id of the saga to which a message belongs; undefined for none. @default the part of its subject after the
   *  first `/` */
  correlate?: (event: EventEnvelope) => string | undefined;
  /** Returns the data of the starting event that the saga keeps for its commands. */
  input: (data: DataOf<D, Start>) => Input;
  /** The event that cancels a saga at any time: before the start, while it runs, or after it has completed.
   *  @default none */
  cancelledBy?: Cancel;
  /** The subject of its commands and therefore of the answers, such as `order/<id>`. Must differ from its own
   *  stream. */
  subject: (sagaId: string) => string;
  /** `caused`: an answer counts only if its `causationid` is a command that the saga sent for the step. `any`: every
   *  answer counts, for services that answer as a result of other events or requests. @default 'caused' */
  answers?: 'caused' | 'any';
  /** At least one. Executed in this order. */
  steps: readonly StepOptions<D, Input>[];
}

/** Defines a saga over the messages of a catalogue. Throws `saga.bad_definition` for mistakes that the compiler does
 *  not detect: names, kinds and duplicates of messages, durations. */
export type DefineSaga<D extends Definitions> = <
  Start extends EventName<D>,
  Input extends Json,
  Cancel extends EventName<D> = never,
>(
  options: SagaOptions<D, Start, Cancel, Input>,
) => Saga;

/** A saga, for the option `sagas` of a worker. */
export type Saga = Opaque<'saga'>;

/** Whether a step is executed or compensated, in the form of stored events and timers. */
export type Direction = 'forward' | 'back';

/** The execution or the compensation of a step: its command, the answers, the retry policy in milliseconds. */
export interface StepAction {
  readonly command: { readonly type: string; readonly data: (context: SagaContext<never>) => unknown };
  readonly done: string;
  readonly result?: (data: never) => Json;
  readonly failed: readonly string[];
  readonly timeout: number;
  readonly retryDelays: readonly number[];
  readonly retries: (reason: string) => boolean;
}

export interface Step {
  readonly name: string;
  readonly execute: StepAction;
  readonly compensate?: StepAction;
}

/** A saga with erased types and all defaults filled in. */
export interface SagaDefinition {
  readonly name: string;
  readonly definitions: Definitions;
  readonly startedBy: string;
  readonly cancelledBy?: string;
  readonly accepts: (event: EventEnvelope) => boolean;
  readonly correlate: (event: EventEnvelope) => string | undefined;
  readonly input: (data: never) => Json;
  readonly subject: (sagaId: string) => string;
  readonly steps: readonly Step[];
  readonly answers: 'caused' | 'any';
}
