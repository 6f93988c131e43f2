import { namesFor } from '../../broker/topology/topology.js';
import type { PreparedWorker } from '../prepare.js';

/** Starts the stream consumer of a worker that has one instead of handlers; returns undefined for every other
 *  worker. */
export function consumeStream({ definition, options }: PreparedWorker) {
  const { name: worker, definitions: own } = definition;
  const { store, broker, instance, serviceStores, leaseTtl, verify, logger, metrics, prefix } = options;
  return definition.consumeStream?.({
    store,
    broker,
    stream: namesFor(prefix).log,
    worker,
    instance,
    serviceStores,
    leaseTtl,
    verify,
    definitions: options.definitions ?? own,
    logger,
    metrics,
  });
}
