import type { Broker } from '../broker/broker.js';
import type { VerifyPublisher } from '../broker/users/verify-publisher.js';
import type { DeriveId } from '../events/ids.js';
import type { Clock } from '../concurrency/clock.js';
import type { Definitions } from '../events/definitions.js';
import type { ServiceStores } from '../store/service-stores.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { CircuitBreakerState } from './circuit-breaker/circuit-breaker.js';
import type { RelayGauge } from './consumption/pause-for-relay.js';
import type { Emitters } from './pipeline/context.js';
import type { Message } from './pipeline/message.js';
import type { DeliveryOutcome } from './pipeline/settle.js';

export interface StartWorkerOptions {
  store: Store;
  broker: Broker;
  /** The fleet's name prefix. @default '' */
  prefix?: string;
  /** The settings, valid by the worker's `settings` schema. @default {} */
  settings?: Record<string, unknown>;
  /** Replaces the result of `setup`. */
  use?: unknown;
  /** The services that emit each type: an event from another source is refused. @default any source */
  emitters?: Emitters | undefined;
  /** Every type of the fleet, for a worker that consumes the stream directly. @default the worker's own */
  definitions?: Definitions | undefined;
  /** Derives the ids of events from their cause. @default without a fleet key */
  deriveId?: DeriveId | undefined;
  /** The name of this replica. */
  instance: string;
  logger: Logger;
  metrics?: Metrics;
  /** The relay of the worker's store. Consumption is paused while its lag is too large. */
  relay?: RelayGauge;
  /** The stores of the other services, from which a stream consumer reads events that the stream has trimmed. */
  serviceStores?: ServiceStores;
  /** Milliseconds after which another replica takes over the stream from a dead one. @default 5000 */
  leaseTtl?: number;
  /** Verifies the publisher of a message before it is decoded. @default no verification */
  verify?: VerifyPublisher | undefined;
  /** @default the system clock */
  clock?: Clock;
  /** A handler is abandoned after this many times its timeout, and its message counts as failed. @default 3 */
  abandonAfterTimeouts?: number;
  /** Called when the worker cannot continue in this process: `worker.handlers_abandoned`. @default it continues */
  onFatal?: (error: Error) => void;
  /** Receives the outcome of each message after it is settled. */
  observe?: (message: Message, outcome: DeliveryOutcome) => void;
  /** Called at each change of the circuit breaker. */
  onCircuitBreaker?: (state: CircuitBreakerState) => void;
}

/** The options with their defaults. */
export interface PreparedOptions extends StartWorkerOptions {
  prefix: string;
  metrics: Metrics;
  clock: Clock;
  deriveId: DeriveId;
}
