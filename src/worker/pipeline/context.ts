import type { DeriveId } from '../../events/ids.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import type { Delivery, Publisher } from '../../broker/broker.js';
import type { VerifyPublisher } from '../../broker/users/verify-publisher.js';
import type { Names } from '../../broker/topology/topology.js';
import type { Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { RequestedVersions } from '../../events/read-as.js';
import type { InboxKey, Store } from '../../store/store.js';
import type { FaultLog } from '../../telemetry/fault-log.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { CountHandled } from '../../traffic/handled-counter.js';
import type { UndeclaredEmits } from '../../telemetry/undeclared-emits.js';
import type { Clock } from '../../concurrency/clock.js';
import type { CircuitBreaker } from '../circuit-breaker/circuit-breaker.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import type { QuarantineLog } from '../quarantine/quarantine-log.js';
import type { QuarantineRecord } from '../quarantine/quarantine-record.js';
import type { Ordering } from '../ordering/ordering.js';
import type { OverdueHandlers } from './overdue-handlers.js';
import type { HandleMessage, Message } from './message.js';
import type { ConsumptionGate } from '../consumption/gate.js';
import type { ReplayHeaders } from './replay-headers.js';
import type { StartMarks } from './start-marks.js';

/** The services that emit a type, by type. */
export type Emitters = ReadonlyMap<string, ReadonlySet<string>>;

/** The dependencies of the middleware, at a worker with a store and at a subscriber without one. */
export interface PipelineContext {
  readonly name: string;
  readonly definitions: Definitions;
  /** The versions in which the handlers receive events. @default the latest */
  readonly requested?: RequestedVersions | undefined;
  /** Whether a handler handles the event; `ignored` for commands that a wildcard binding delivers and another worker
   *  handles, and for events that the worker does not accept. */
  readonly route: (event: EventEnvelope) => 'handled' | 'ignored' | 'unknown';
  /** Returns the event that a message of a device becomes; undefined for a message of the fleet.
   *  @default no messages of devices */
  readonly readTelemetry?: ((delivery: Delivery) => EventEnvelope | undefined) | undefined;
  /** Whether a binding of the worker delivers the type. */
  readonly isBound: (type: string) => boolean;
  /** The key under which the event counts as handled. */
  readonly keyOf: (event: Pick<EventEnvelope, 'source' | 'id'>, replay: ReplayHeaders | undefined) => InboxKey;
  /** The quarantined messages of the worker; a subscriber has no record of them. */
  readonly quarantined?: QuarantineRecord | undefined;
  readonly quarantineLog: QuarantineLog;
  /** The services that emit each type; types that are not listed are accepted from any source. Undefined: not known. */
  readonly emitters?: Emitters | undefined;
  /** In milliseconds, one for each attempt after the first. */
  readonly retryDelays: readonly number[];
  /** Time limit of the handler, in milliseconds. */
  readonly timeout: number;
  readonly publisher: Publisher;
  readonly names: Names;
  readonly gate: ConsumptionGate;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Counts handled messages. @default they are not counted */
  readonly countHandled?: CountHandled | undefined;
  readonly clock: Clock;
  /** The name of this replica. */
  readonly instance: string;
  /** Verifies the publisher of a message. @default no verification */
  readonly verify?: VerifyPublisher | undefined;
  /** Lets a failed message wait for its next attempt, after a delay in milliseconds, with additional headers. Resolves with
   *  false if its delivery is lost. */
  readonly waitForRetry: (message: Message, delay: number, headers: Fields) => Promise<boolean>;
  /** Whether the event is in the inbox, although its handling failed. */
  readonly isHandled: (message: Message) => Promise<boolean>;
  /** Runs before an event that has used up its attempts is dead-lettered. */
  readonly onRetriesExhausted: (message: Message, error: unknown) => Promise<void>;
  /** A handler is abandoned after this many times its timeout; `Infinity`: never. */
  readonly abandonAfterTimeouts: number;
  readonly overdueHandlers: OverdueHandlers;
  /** Failed messages whose copy for a retry or the dead letters the broker did not confirm at the first attempt. */
  readonly unpublished: Set<Message>;
  /** Logs the time in which there are such messages. */
  readonly unconfirmed: FaultLog;
  /** Aborts when the process must end now. */
  readonly signal: AbortSignal;
}

/** The dependencies of a worker's middleware. */
export interface WorkerPipelineContext extends PipelineContext {
  readonly definition: WorkerDefinition;
  readonly store: Store;
  readonly quarantined: QuarantineRecord;
  readonly circuitBreaker: CircuitBreaker;
  /** Undefined for a worker that handles messages in no particular order. */
  readonly ordering: Ordering | undefined;
  readonly startMarks: StartMarks;
  /** The result of `setup`. */
  readonly use: unknown;
  readonly deriveId: DeriveId;
  readonly undeclaredEmits: UndeclaredEmits;
}

/** One layer of the pipeline: returns a handler that wraps `next`, the layers inside it. Called once at start. */
export type Middleware<S extends PipelineContext = PipelineContext> = (
  next: HandleMessage,
  context: S,
) => HandleMessage;
