import type { Broker } from '../../broker/broker.js';
import type { Clock } from '../../concurrency/clock.js';
import type { DeriveId } from '../../events/ids.js';
import type { Store } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { DecodeOptions } from './decode-entry.js';

export interface RunWindowsOptions extends DecodeOptions {
  store: Store;
  broker: Broker;
  /** The name of the stream `events.log`. */
  stream: string;
  /** Identifies this process; unique among all processes. */
  instance: string;
  deriveId: DeriveId;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
  leaseTtl?: number | undefined;
}
