import type { Broker, Publisher } from '../broker/broker.js';
import { eventProperties } from '../broker/messages/event-properties.js';
import { namesFor } from '../broker/topology/topology.js';
import { formatDuration } from '../duration.js';
import { FlotillaError } from '../errors.js';
import { createEvent, originContext } from '../events/create.js';
import type { DataOf, Definitions } from '../events/definitions.js';
import type { EventEnvelope } from '../events/envelope.js';
import type { TypeName } from '../events/handler-types.js';

/** Publishes events directly to the exchange, without a store: for programs that keep their own record of published
 *  events. */
export interface EventPublisher<D extends Definitions> {
  /** Resolves with the event when the broker has confirmed it. Waits at most 10 s for a connection. Rejects with
   *  `contract.invalid_data`, `broker.unreachable`, or another `broker.*` error, after which the broker may or may not
   *  have the event: publish it again with the same `id`. */
  publish: <T extends TypeName<D>>(type: T, data: DataOf<D, T>, options: PublishOptions) => Promise<EventEnvelope>;
  /** Closes the publisher. The broker stays connected. */
  close: () => Promise<void>;
}

/** The options of a publish. */
export interface PublishOptions {
  /** The aggregate of the event, such as `order/<id>`. */
  subject: string;
  /** @default a new id */
  id?: string;
  correlationId?: string;
}

/** Creates a publisher for events of a catalogue, with `source` as their source. It publishes to the exchange `events`
 *  of the fleet with this prefix. */
export function createPublisher<D extends Definitions>(options: {
  broker: Broker;
  catalogue: { readonly definitions: D };
  source: string;
  /** @default '' */
  prefix?: string;
}): EventPublisher<D> {
  const { broker, catalogue, source, prefix = '' } = options;
  const publisher = broker.createPublisher();
  const names = namesFor(prefix);
  return {
    async publish(type, data, { subject, id, correlationId }) {
      const context = originContext({ source, subject, ...(correlationId !== undefined && { correlationId }) });
      const event = createEvent(catalogue.definitions, type, data, { ...context, id: id ?? context.id });
      await readyWithin(publisher, READY_LIMIT_MS);
      await publisher.publish({
        exchange: names.events,
        routingKey: type,
        vouch: { origin: 'fleet' },
        body: Buffer.from(JSON.stringify(event)),
        properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
      });
      return event;
    },
    close: () => publisher.close(),
  };
}

/** How long a publish waits for a connection. */
const READY_LIMIT_MS = 10_000;

async function readyWithin(publisher: Publisher, limit: number): Promise<void> {
  const late = AbortSignal.timeout(limit);
  try {
    await publisher.ready(late);
  } catch (error) {
    if (late.aborted) throw new FlotillaError('broker.unreachable', `waited ${formatDuration(limit)}`);
    throw error;
  }
}
