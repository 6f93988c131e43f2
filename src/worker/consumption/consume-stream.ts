import type { Broker, Delivery, StreamEntry } from '../../broker/contract.js';
import type { Names } from '../../broker/topology.js';
import { FlotillaError } from '../../errors.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import { feedFromLog, type LogFeed } from '../../event-log/log-feed.js';
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

/** Gives a worker that is defined so the log in place of messages from bindings; undefined for every other. What fails
 *  waits in its queues, as everywhere. */
export function consumeLog(definition: WorkerDefinition, options: ConsumeLogOptions): LogFeed | undefined {
  if (definition.from !== 'log') return undefined;
  const { names, ...rest } = options;
  const { name, offset, prefetch } = definition;
  return feedFromLog({
    ...rest,
    stream: names.log,
    worker: name,
    queue: names.queue(name),
    offset,
    prefetch,
    judge: (entry) => judge(definition, entry),
  });
}

/** What is no event has no handler that could fail: whoever was to have it has it as a dead letter. */
function judge(definition: WorkerDefinition, entry: StreamEntry): 'handle' | 'pass' | 'no event' {
  try {
    const { type } = parseEnvelope(entry);
    return routeOf(definition, type) === 'handled' ? 'handle' : 'pass';
  } catch (error) {
    if (error instanceof FlotillaError) return 'no event';
    throw error;
  }
}
