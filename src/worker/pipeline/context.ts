import type { DeriveId } from '../../broker/signing/fleet-keys.js';
import type { Publisher } from '../../broker/contract.js';
import type { VerifyPublisher } from '../../broker/publishers.js';
import type { Names } from '../../broker/topology.js';
import type { Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Store } from '../../store/contract.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { StartTimer } from '../../concurrency/clock.js';
import type { Circuit } from '../circuit-breaker/circuit-breaker.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import type { LateHandlers } from './overdue-handlers.js';
import type { Handle, Message } from './message.js';
import type { Pauses } from '../consumption/gate.js';
import type { Starts } from './start-marks.js';

/** The services that emit a type, by type. */
export type Emitters = ReadonlyMap<string, ReadonlySet<string>>;

/** What a station works with, whoever handles the messages: a worker with a store, or a plain subscription. */
export interface Station {
  readonly name: string;
  readonly definitions: Definitions;
  /** Whether there is a handler for a type; `ignored` where a wildcard binding brings what is somebody else's. */
  readonly route: (event: EventEnvelope) => 'handled' | 'ignored' | 'unknown';
  /** The services that emit each type; types that are not in it are taken from any. Undefined: not known. */
  readonly emitters?: Emitters | undefined;
  /** Milliseconds, one for each attempt after the first. */
  readonly retryDelays: readonly number[];
  readonly timeout: number;
  readonly publisher: Publisher;
  readonly names: Names;
  readonly pauses: Pauses;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly after: StartTimer;
  /** Which of the replicas this is. */
  readonly instance: string;
  /** Verifies who has published a message; not given: nothing is verified. */
  readonly verify: VerifyPublisher | undefined;
  /** Whether the event has been handled after all. */
  readonly isDone: (message: Message) => Promise<boolean>;
  /** What is to be done when an event has used up its attempts. */
  readonly exhausted: (message: Message, error: unknown) => Promise<void>;
  /** How many times its timeout a handler is waited for; infinite: for ever. */
  readonly patience: number;
  /** Handlers that have outlived their timeout. */
  readonly late: LateHandlers;
  /** Messages that have failed and that the broker has not taken for a retry or the dead letters at the first try. */
  readonly unplaced: Set<Message>;
  /** Aborts when the process must end now. */
  readonly signal: AbortSignal;
}

/** A station of a worker: there are its definition, its store, its circuit breaker and what `setup` gave. */
export interface WorkerStation extends Station {
  readonly definition: WorkerDefinition;
  readonly store: Store;
  readonly circuit: Circuit;
  readonly starts: Starts;
  readonly use: unknown;
  readonly deriveId: DeriveId;
}

/** One station of the pipeline: takes what comes after it, gives what it does around it. */
export type Middleware<S extends Station = Station> = (next: Handle, station: S) => Handle;
