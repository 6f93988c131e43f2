import type { DataOf, Definitions } from '../events/definitions.js';
import type { MessageDefinition } from '../events/definition.js';
import type { EventEnvelope } from '../events/envelope.js';
import type { Opaque } from '../opaque.js';

/** What JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A length of time: milliseconds, or '250ms', '30s', '10m', '1h', '2d'. */
type Duration = number | string;

type NameOfKind<D extends Definitions, K extends 'event' | 'command'> = {
  [T in keyof D & string]: D[T] extends MessageDefinition<unknown, K> ? T : never;
}[keyof D & string];

export type EventName<D extends Definitions> = NameOfKind<D, 'event'>;
export type CommandName<D extends Definitions> = NameOfKind<D, 'command'>;

/** What a saga knows when it gives a command. */
export interface SagaContext<Input> {
  sagaId: string;
  /** What it kept of the message that began it. */
  input: Input;
  /** What it kept of the answers, by the names of steps. */
  results: Readonly<Record<string, Json>>;
  /** Why it is being compensated; empty while it moves forward. */
  reason: string;
}

/** A command, and how its data follows from what the saga knows. */
export type CommandOf<D extends Definitions, Input> = {
  [T in CommandName<D>]: { type: T; data: (context: SagaContext<Input>) => DataOf<D, T> };
}[CommandName<D>];

/** An answer by which something is done, and what is kept of it. */
export type DoneBy<D extends Definitions> =
  EventName<D> | { [T in EventName<D>]: { type: T; result: (data: DataOf<D, T>) => Json } }[EventName<D>];

/** When a try counts as failed, and how often something is tried. */
interface Trying {
  /** Without an answer within this, a try has failed. */
  timeout: Duration;
  /** How long to wait before each further try; one try for each, besides the first. @default none */
  retryDelays?: readonly Duration[];
  /** Whether what an answer says is to be tried again; a time-out always is. @default nothing is */
  retries?: (reason: string) => boolean;
}

/** How a step is compensated. */
export interface CompensationOptions<D extends Definitions, Input> extends Trying {
  command: CommandOf<D, Input>;
  /** The reply once it is compensated. The service also sends it when there was nothing to compensate. */
  done: EventName<D>;
  /** Replies that the step cannot be compensated. @default none */
  failed?: readonly EventName<D>[];
}

export interface StepOptions<D extends Definitions, Input> extends Trying {
  /** Lower case, digits, dashes. */
  name: string;
  command: CommandOf<D, Input>;
  done: DoneBy<D>;
  /** Answers that it was not done. Their `reason`, where they have one, is the saga's. @default none */
  failed?: readonly EventName<D>[];
  /** How the step is compensated when a later one fails or the saga is cancelled. @default the step is left as it is */
  compensate?: CompensationOptions<D, Input>;
}

/**
 * A process manager. It executes its steps in order, each by a command to which a service replies. When a step fails, it
 * compensates the completed steps in reverse order. A command may be sent more than once, because a reply may be late or
 * lost: services act once per saga and repeat their reply.
 */
export interface SagaOptions<
  D extends Definitions,
  Start extends EventName<D>,
  Cancel extends EventName<D>,
  Input extends Json,
> {
  /** Lower case, digits, dashes; the first part of its streams' names: `<name>/<id>`. */
  name: string;
  /** Begins a saga. */
  startedBy: Start;
  /** Whether an event of the types it begins with, is called off by, or waits for, is this saga's. @default all are */
  accepts?: (event: EventEnvelope) => boolean;
  /** The id of the saga that a message belongs to. @default what stands after the slash in its subject */
  correlate?: (event: EventEnvelope) => string | undefined;
  /** What is kept of the event that begins it. */
  input: (data: DataOf<D, Start>) => Input;
  /** Calls it off, whenever it comes: also before the beginning, and after the end. @default nothing does */
  cancelledBy?: Cancel;
  /** What its commands are about, and with that the answers: `order/<id>`. Not its own stream. */
  subject: (sagaId: string) => string;
  /** `caused`: an answer counts only if its `causationid` is a command that the saga has given for the step. `any`: also without,
   *  for services that answer by way of other events or requests. @default 'caused' */
  answers?: 'caused' | 'any';
  /** At least one, in order. */
  steps: readonly StepOptions<D, Input>[];
}

/** `defineSaga` of a catalogue. */
export type DefineSaga<D extends Definitions> = <
  Start extends EventName<D>,
  Input extends Json,
  Cancel extends EventName<D> = never,
>(
  options: SagaOptions<D, Start, Cancel, Input>,
) => Saga;

/** A saga, as a worker runs it (`sagas`). */
export type Saga = Opaque<'saga'>;

export type Direction = 'forward' | 'back';

/** One way of a step: a command, its answers, its patience. Durations in milliseconds. */
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

/** A saga as the runtime sees it: types erased, defaults filled in. */
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
  /** Makes the ids of its commands. @default without a fleet key */
  readonly deriveId?: (time: number, ...parts: (string | number)[]) => string;
}
