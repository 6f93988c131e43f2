import { FlotillaError } from '../../errors.js';
import { createEvent, originContext } from '../../events/create.js';
import type { DataOf, Definitions } from '../../events/definitions.js';
import { CLOUDEVENTS_JSON, type EventEnvelope, type UnsequencedEvent } from '../../events/envelope.js';
import type { TypeName } from '../../events/handler-types.js';
import type { Store, Tx } from '../../store/store.js';
import { silentLogger } from '../../telemetry/logger.js';
import type { KafkaConnection } from '../client/connection.js';
import { loadKafkaClient } from '../client/load-client.js';
import type { RecordKey } from '../sink/records.js';
import { eachRecord } from '../source/each-record.js';
import { TopicReader } from '../source/topic-reader.js';
import { topicOf, topicsOf, type TopicRoutes } from '../topics/topic-routes.js';
import { handleRecord } from './handle-record.js';

export interface KafkaBusOptions<D extends Definitions> extends KafkaConnection {
  catalogue: { readonly definitions: D };
  /** The `source` of published events. */
  source: string;
  /** The topics of the types. */
  routes: TopicRoutes;
  /** @default 'subject' */
  key?: RecordKey;
}

/** Handles an event in the transaction that records that it is handled. */
export type BusHandler = (event: EventEnvelope, tx: Tx) => Promise<void>;

export interface BusSubscriptionOptions {
  /** Contains the inbox and the offsets of the group. */
  store: Store;
  /** Ends the subscription. */
  signal: AbortSignal;
  /** Where the group begins to read a topic. @default 'beginning' */
  from?: 'beginning' | 'end';
}

/** Publishes events to Kafka and handles them, without RabbitMQ. */
export interface KafkaBus<D extends Definitions> {
  /** Validates and publishes an event. Resolves with it when all in-sync replicas have it. Rejects with a `contract.*` or
   *  a `kafka.*` error; after `kafka.unavailable` the event may have been published, and a repetition with the same `id`
   *  is handled once. */
  publish<T extends TypeName<D>>(
    type: T,
    data: DataOf<D, T>,
    options: { subject: string; id?: string; correlationId?: string },
  ): Promise<UnsequencedEvent>;
  /** Handles the events of topic patterns as a member of a group, in the order of their partition. The writes of the
   *  handler, the inbox row and the offset are committed in one transaction, so that each event takes effect once. If the
   *  handler throws, the event is tried again and its partition waits; a record that is no event of the catalogue is
   *  stored as rejected. Resolves when the signal aborts and the transaction in progress has ended. Rejects with
   *  `store.closed` if the store is closed while it runs. */
  subscribe(
    group: string,
    types: readonly string[],
    handler: BusHandler,
    options: BusSubscriptionOptions,
  ): Promise<void>;
  /** Disconnects the publisher. Subscriptions end by their signals. */
  close(): Promise<void>;
}

/** Creates a bus whose publisher is connected. Rejects with `kafka.client_missing` or `kafka.unavailable`. */
export async function createKafkaBus<D extends Definitions>(options: KafkaBusOptions<D>): Promise<KafkaBus<D>> {
  const { catalogue, source, routes, key = 'subject', logger = silentLogger() } = options;
  const { definitions } = catalogue;
  const client = await loadKafkaClient(options);
  const producer = client.producer();
  await producer.connect();
  const topicFor = topicOf(routes, definitions);
  return {
    async publish(type, data, { subject, id, correlationId }) {
      const context = originContext({ source, subject, ...(correlationId !== undefined && { correlationId }) });
      const event = createEvent(definitions, type, data, { ...context, id: id ?? context.id });
      const topic = topicFor(type);
      if (topic === undefined) throw new FlotillaError('kafka.topic_missing', `no topic is configured for ${type}`);
      const message = {
        key: key === 'id' ? event.id : subject,
        value: JSON.stringify(event),
        headers: { 'content-type': CLOUDEVENTS_JSON },
      };
      await producer.send({ topic, messages: [message] });
      return event;
    },
    subscribe(group, types, handler, { store, signal, from = 'beginning' }) {
      const topics = topicsOf(routes, definitions, types);
      const process = eachRecord(store, handleRecord({ group, types, definitions, handler, logger }));
      return new TopicReader({ store, client, group, consumer: group, topics, from, process, logger }).run(signal);
    },
    close: () => producer.disconnect(),
  };
}
