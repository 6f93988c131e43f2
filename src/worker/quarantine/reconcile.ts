import type { Broker, Delivery } from '../../broker/broker.js';
import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import type { Names } from '../../broker/topology/topology.js';
import type { Clock } from '../../concurrency/clock.js';
import { eventIn } from '../../events/event-in.js';
import { failpoint } from '../../failpoints.js';
import { drainSelected } from '../../queues/drain-queue.js';
import type { Logger } from '../../telemetry/logger.js';
import type { QuarantineRecord } from './quarantine-record.js';
import type { QuarantinedMessage } from './quarantine-table.js';
import { quarantinedAt, quarantinedMessage } from './quarantined-message.js';

export interface ReconcileOptions {
  broker: Broker;
  names: Names;
  worker: string;
  record: QuarantineRecord;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

const READ_LIMIT_MS = 60_000;
/** A row whose message is on its way: published, released, or in the hands of a process that ends. */
const IN_TRANSIT_MS = 5 * 60_000;

/** Makes the rows agree with the messages in the quarantine. Messages without a row get one: an older copy of the store
 *  was restored. Rows without a message are deleted after a while, because later messages would wait for them: the queue
 *  was purged, or an operator rejected the message on another machine. */
export async function reconcileQuarantine(options: ReconcileOptions): Promise<void> {
  const { broker, names, worker, record, clock, logger, signal } = options;
  const before = clock.now() - IN_TRANSIT_MS;
  const messages: QuarantinedMessage[] = [];
  const { unexamined } = await drainSelected(broker, names.newer(worker), {
    limit: READ_LIMIT_MS,
    signal,
    select(delivery) {
      const message = describe(delivery, clock.now());
      if (message !== undefined) messages.push(message);
      return false;
    },
    handle: () => Promise.resolve(),
  });
  const added = await record.addMissing(messages);
  if (added > 0) logger.warn('Quarantined messages without a row are recorded', { count: added });
  failpoint('worker.quarantine_recorded');
  const { ready = 0 } = (await broker.queueDepth(names.queue(worker))) ?? {};
  if (unexamined > 0 || ready > 0 || signal.aborted) return;
  const removed = await record.removeOthers(messages, before);
  if (removed > 0)
    logger.warn('Rows of messages that are not in the quarantine any more are deleted', { count: removed });
}

function describe({ body, properties }: Delivery, now: number): QuarantinedMessage | undefined {
  const event = eventIn({ body, properties });
  if (event === undefined) return undefined;
  const { headers } = properties;
  return quarantinedMessage(event, textHeader(headers, HEADERS.quarantinedFor), quarantinedAt(headers) ?? now);
}
