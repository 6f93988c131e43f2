import type { Broker } from '../broker/contract.js';
import type { VerifyPublisher } from '../broker/publishers.js';
import type { DeriveId } from '../broker/signing/fleet-keys.js';
import type { StartTimer } from '../concurrency/clock.js';
import type { Definitions } from '../events/definitions.js';
import type { ServiceStores } from '../store/service-stores.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { RelayGauge } from './consumption/pause-for-relay.js';
import type { Emitters } from './pipeline/context.js';
import type { Message } from './pipeline/message.js';
import type { DeliveryOutcome } from './pipeline/settle.js';

export interface StartWorkerOptions {
  store: Store;
  broker: Broker;
  /** The fleet's name prefix. @default '' */
  prefix?: string;
  /** As the worker's `settings` schema has them. @default {} */
  settings?: Record<string, unknown>;
  /** In place of what `setup` would give. */
  use?: unknown;
  /** The services that emit each type: an event of another source is refused. @default any source */
  emitters?: Emitters | undefined;
  /** Every type of the fleet, for a worker that consumes the stream by itself. @default the worker's own */
  definitions?: Definitions | undefined;
  /** Makes the ids of what follows from events. @default without a fleet key */
  deriveId?: DeriveId | undefined;
  /** Which of the replicas this is. */
  instance: string;
  logger: Logger;
  metrics?: Metrics;
  /** The relay of the worker's store: while it lags too far behind, nothing is consumed. */
  relay?: RelayGauge;
  /** The stores of the other services, for a worker that reads from them what the log has trimmed. */
  serviceStores?: ServiceStores;
  /** Milliseconds after which another replica reads the log in place of one that has vanished. @default 5000 */
  leaseTtl?: number;
  /** Verifies who has published a message, before anything else is done with it. @default nothing is verified */
  verify?: VerifyPublisher | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  now?: () => number;
  /** @default in real time */
  after?: StartTimer;
  /** How many times its timeout a handler is waited for before its message counts as failed. @default 3 */
  abandonAfterTimeouts?: number;
  /** Called when the worker cannot go on in this process: `worker.handlers_abandoned`. @default it goes on */
  onFatal?: (error: Error) => void;
  /** Told what became of each message, after it is settled. */
  observe?: (message: Message, outcome: DeliveryOutcome) => void;
}
