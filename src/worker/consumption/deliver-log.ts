import type { Delivery, StreamEntry } from '../../broker/broker.js';
import { namesFor } from '../../broker/topology/topology.js';
import { FlotillaError } from '../../errors.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import { feedDeliveries, type DeliveryFeed } from '../../event-log/consumers/delivery-feed.js';
import { routeOf } from '../definition/queues.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import type { PreparedWorker } from '../prepare.js';

/** Delivers the stream to a worker with `from: 'log'`, which has no bindings. Failed messages wait in its retry queues,
 *  as for every worker. */
export function deliverLog(
  { definition, options }: PreparedWorker,
  onDelivery: (delivery: Delivery) => void,
): DeliveryFeed {
  const { name, offset, prefetch } = definition;
  const { store, broker, instance, logger, metrics, leaseTtl } = options;
  const names = namesFor(options.prefix);
  return feedDeliveries({
    store,
    broker,
    instance,
    logger,
    metrics,
    leaseTtl,
    onDelivery,
    stream: names.log,
    worker: name,
    queue: names.queue(name),
    offset,
    prefetch,
    classify: (entry) => classify(definition, entry),
  });
}

/** A stream entry that is not an event is not delivered: it also reaches the queues whose bindings match its routing
 *  key, and is dead-lettered there. */
function classify(definition: WorkerDefinition, entry: StreamEntry): 'deliver' | 'ignore' | 'invalid' {
  try {
    const { type } = parseEnvelope(entry);
    return routeOf(definition, type) === 'handled' ? 'deliver' : 'ignore';
  } catch (error) {
    if (error instanceof FlotillaError) return 'invalid';
    throw error;
  }
}
