import type { Logger } from '../../telemetry/logger.js';
import type { Delivery, ReadStreamOptions, StreamOffset, StreamReader } from '../broker.js';
import type { Fields } from '../messages/amqp-fields.js';
import type { Connection } from './connection/connection.js';
import { createConsumer } from './consumer.js';

export interface StreamReaderOptions extends ReadStreamOptions {
  connection: Connection;
  logger: Logger;
  stream: string;
  onMissing: () => void;
  onClose: () => void;
}

/** Creates a reader of a stream over AMQP 0-9-1. Acks only grant credit there; a nack would close the whole
 *  connection, so entries are never requeued. */
export function createStreamReader(options: StreamReaderOptions): StreamReader {
  const { connection, logger, stream, prefetch, onEntry, onMissing, onClose } = options;
  /** The highest offset delivered; a new channel continues after it. */
  let highest = -1;
  /** Whether the next attempt to read is a new beginning; an attempt after a failed one is not. */
  let begins = true;
  const consumer = createConsumer({
    connection,
    logger,
    queue: stream,
    prefetch,
    onMissing,
    onClose,
    onConsuming: () => (begins = true),
    arguments: () => {
      if (begins) options.onBegin?.();
      begins = false;
      return { 'x-stream-offset': highest >= 0 ? highest + 1 : offsetField(options.from) };
    },
    onDelivery: (delivery) => {
      const offset = offsetOf(delivery);
      if (offset === undefined || offset <= highest) {
        delivery.ack();
        return;
      }
      highest = offset;
      const { exchange, routingKey, body, properties } = delivery;
      const { messageId } = properties;
      onEntry({ offset, exchange, routingKey, messageId, body, properties, done: () => delivery.ack() });
    },
  });
  return {
    get reading() {
      return consumer.consuming;
    },
    close: () => consumer.close(),
  };
}

/** Seconds since the epoch as an AMQP timestamp, in amqplib's representation. */
function offsetField(from: StreamOffset): Fields[string] {
  return from instanceof Date ? { '!': 'timestamp', value: Math.floor(from.getTime() / 1000) } : from;
}

function offsetOf({ properties }: Delivery): number | undefined {
  const offset = properties.headers['x-stream-offset'];
  return typeof offset === 'number' ? offset : undefined;
}
