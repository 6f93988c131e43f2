import type { Broker, Delivery, StreamEntry } from '../../broker/contract.js';
import type { Names } from '../../broker/topology.js';
import { FlotillaError } from '../../errors.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import { feedDeliveries, type DeliveryFeed } from '../../event-log/delivery-feed.js';
import type { Store } from '../../store/contract.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { routeOf } from '../definition/routes.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';

export interface ConsumeLogOptions {
  store: Store;
  broker: Broker;
  names: Names;
  instance: string;
  logger: Logger;
  metrics: Metrics;
  leaseTtl?: number | undefined;
  onDelivery: (delivery: Delivery) => void;
}

/** Delivers the log to a worker that is defined with from: 'log', in place of messages from bindings; undefined for every
 *  other. Failed messages wait in its retry queues, as everywhere. */
export function consumeLog(definition: WorkerDefinition, options: ConsumeLogOptions): DeliveryFeed | undefined {
  if (definition.from !== 'log') return undefined;
  const { names, ...rest } = options;
  const { name, offset, prefetch } = definition;
  return feedDeliveries({
    ...rest,
    stream: names.log,
    worker: name,
    queue: names.queue(name),
    offset,
    prefetch,
    classify: (entry) => classify(definition, entry),
  });
}

/** An entry that is not an event reaches the queues of the workers that bind its routing key, and their dead letters. */
function classify(definition: WorkerDefinition, entry: StreamEntry): 'deliver' | 'ignore' | 'invalid' {
  try {
    const { type } = parseEnvelope(entry);
    return routeOf(definition, type) === 'handled' ? 'deliver' : 'ignore';
  } catch (error) {
    if (error instanceof FlotillaError) return 'invalid';
    throw error;
  }
}
