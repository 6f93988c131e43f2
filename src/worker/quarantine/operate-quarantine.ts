import type { Broker, Delivery } from '../../broker/broker.js';
import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import { republished } from '../../broker/messages/republish.js';
import { failedKey, type Names } from '../../broker/topology/topology.js';
import { errors, isErrorCode } from '../../errors.js';
import { versionOf } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { eventIn } from '../../events/event-in.js';
import { drainSelected } from '../../queues/drain-queue.js';
import type { Store } from '../../store/store.js';
import { deadLetterHeaders } from '../pipeline/dead-letter-headers.js';
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
  const { names, worker } = options;
  return move(options, ({ properties }) => ({
    exchange: '',
    routingKey: names.queue(worker),
    properties: republished(properties),
  }));
}

/** Moves quarantined messages to the dead letters of their worker, with the code for which they were quarantined. `store` is
 *  the worker's, so that later messages of their subjects need not wait any more; undefined if it is on another machine, where
 *  the worker notices it within some minutes. Resolves with the number of moved messages. */
export async function rejectQuarantined(
  options: MoveQuarantinedOptions & { store: Store | undefined; instance: string; now: () => number },
): Promise<number> {
  const { names, worker, store, instance, now } = options;
  const record = store && new QuarantineRecord(store, worker);
  try {
    return await move(
      options,
      (delivery, event) => {
        const given = textHeader(delivery.properties.headers, HEADERS.quarantinedFor);
        const code = given !== undefined && isErrorCode(given) ? given : 'contract.newer_version';
        const failure = { code, name: 'FlotillaError', message: errors[code].message };
        const { subject } = event ?? {};
        const own = deadLetterHeaders(delivery, { worker, instance, failure, at: now(), subject });
        return {
          exchange: names.failed(worker),
          routingKey: failedKey('dead'),
          properties: republished(delivery.properties, own),
        };
      },
      async (event) => record?.remove(event),
    );
  } finally {
    record?.close();
  }
}

/** Each message is confirmed at its target before it is acked: if the process ends in between, two copies exist, and the
 *  inbox or the id of the dead letter detects the duplicate. */
async function move(
  { broker, names, worker, filter, limit = LIMIT_MS, signal, onProgress }: MoveQuarantinedOptions,
  target: (
    delivery: Delivery,
    event: EventEnvelope | undefined,
  ) => { exchange: string; routingKey: string; properties: ReturnType<typeof republished> },
  moved: (event: EventEnvelope) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const publisher = broker.createPublisher();
  try {
    await publisher.ready(AbortSignal.any([signal, AbortSignal.timeout(limit)]));
    const { handled } = await drainSelected(broker, names.newer(worker), {
      concurrency: 1,
      limit,
      signal,
      onProgress,
      select: (delivery) => isSelected(eventIn(delivery), filter),
      async handle(delivery) {
        const event = eventIn(delivery);
        await publisher.publish({ ...target(delivery, event), body: delivery.body, mandatory: true });
        if (event !== undefined) await moved(event);
        delivery.ack();
      },
    });
    return handled;
  } finally {
    await publisher.close();
  }
}

function isSelected(event: EventEnvelope | undefined, { type, version }: QuarantineFilter): boolean {
  if (type !== undefined && event?.type !== type) return false;
  return version === undefined || (event !== undefined && versionOf(event.type, event.dataschema) === version);
}
