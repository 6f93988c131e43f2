import type { Broker, Delivery } from '../../broker/broker.js';
import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import { failedKey, type Names } from '../../broker/topology/topology.js';
import { systemClock, type Clock } from '../../concurrency/clock.js';
import { FlotillaError, isErrorCode } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { eventIn } from '../../events/event-in.js';
import { failpoint } from '../../failpoints.js';
import { drainSelected } from '../../queues/drain-queue.js';
import { moveWith, withPublisher, type MoveTarget } from '../../queues/move-messages.js';
import type { Store } from '../../store/store.js';
import { deadLetterHeaders } from '../pipeline/dead-letter-headers.js';
import { describeAttempt, failureOf } from '../pipeline/failure.js';
import { eventKind } from './quarantined-message.js';
import { QuarantineRecord } from './quarantine-record.js';

/** Selects quarantined messages; all given conditions must hold. */
export interface QuarantineFilter {
  type?: string | undefined;
  version?: number | undefined;
}

export interface MoveQuarantinedOptions {
  broker: Broker;
  names: Names;
  worker: string;
  filter: QuarantineFilter;
  /** In milliseconds. @default 60000 */
  limit?: number;
  signal: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

const LIMIT_MS = 60_000;

/** Moves quarantined messages to the queue of their worker, in order. Those that it still cannot read, or that follow such a
 *  message, return to the quarantine. Resolves with the number of moved messages. */
export function releaseQuarantined(options: MoveQuarantinedOptions): Promise<number> {
  const routingKey = options.names.queue(options.worker);
  return move(options, () => ({ exchange: '', routingKey }));
}

/** Moves quarantined messages to the dead letters of their worker, with the code for which they were quarantined. `store` is
 *  the worker's, so that later messages of their subjects need not wait any more; undefined if it is on another machine, where
 *  the worker notices it within some minutes. Resolves with the number of moved messages. */
export async function rejectQuarantined(
  options: MoveQuarantinedOptions & { store: Store | undefined; instance: string; clock?: Clock },
): Promise<number> {
  const { names, worker, store, instance, clock = systemClock } = options;
  const record = store && new QuarantineRecord(store, worker);
  const target = (delivery: Delivery): MoveTarget => {
    const given = textHeader(delivery.properties.headers, HEADERS.quarantinedFor);
    const code = given !== undefined && isErrorCode(given) ? given : 'contract.newer_version';
    const last = describeAttempt({ name: worker, instance, clock }, failureOf(new FlotillaError(code)), null);
    const headers = deadLetterHeaders(delivery, last, eventIn(delivery)?.subject);
    return { exchange: names.failed(worker), routingKey: failedKey('dead'), headers };
  };
  try {
    return await move(options, target, async (delivery) => {
      const event = eventIn(delivery);
      if (event !== undefined) await record?.remove(event);
      failpoint('quarantine.removed');
    });
  } finally {
    record?.close();
  }
}

async function move(
  { broker, names, worker, filter, limit = LIMIT_MS, signal, onProgress }: MoveQuarantinedOptions,
  target: (delivery: Delivery) => MoveTarget,
  forget: (delivery: Delivery) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const moved = (delivery: Delivery) => {
    failpoint('quarantine.copied');
    return forget(delivery);
  };
  const { handled } = await withPublisher(broker, { limit, signal }, (publisher) =>
    drainSelected(broker, names.newer(worker), {
      concurrency: 1,
      limit,
      signal,
      onProgress,
      select: (delivery) => isSelected(eventIn(delivery), filter),
      handle: moveWith(publisher, target, moved),
    }),
  );
  return handled;
}

function isSelected(event: EventEnvelope | undefined, { type, version }: QuarantineFilter): boolean {
  if (type !== undefined && event?.type !== type) return false;
  return version === undefined || (event !== undefined && eventKind(event).version === version);
}
