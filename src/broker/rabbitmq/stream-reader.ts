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

/** Reads a stream over AMQP 0-9-1. Acks there are credit and nothing else; a nack would end the whole connection, so
 *  nothing here ever gives an entry back. */
export function createStreamReader(options: StreamReaderOptions): StreamReader {
  const { connection, logger, stream, prefetch, onEntry, onMissing, onClose } = options;
  /** The highest offset handed over: a new channel goes on behind it. */
  let highest = -1;
  /** The next attempt to read is a new beginning; one that follows a failed attempt is not. */
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
      onEntry({ offset, exchange, routingKey, body, properties, done: () => delivery.ack() });
    },
  });
  return {
    get reading() {
      return consumer.consuming;
    },
    close: () => consumer.close(),
  };
}

/** Seconds since the epoch, as an AMQP timestamp; amqplib's way of saying so. */
function offsetField(from: StreamOffset): Fields[string] {
  return from instanceof Date ? { '!': 'timestamp', value: Math.floor(from.getTime() / 1000) } : from;
}

function offsetOf({ properties }: Delivery): number | undefined {
  const offset = properties.headers['x-stream-offset'];
  return typeof offset === 'number' ? offset : undefined;
}
