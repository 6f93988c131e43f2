import { SerialQueue } from '../../concurrency/serial-queue.js';
import './decode-headers.js';
import { setMaxListeners } from 'node:events';
import type { Channel, ConsumeMessage } from 'amqplib';
import { IllegalOperationError } from 'amqplib';
import { FlotillaError, messageOf } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { ConsumeOptions, Consumer, Delivery, MessageProperties } from '../broker.js';
import type { Fields } from '../messages/amqp-fields.js';
import type { Connection } from './connection/connection.js';
import { Acks } from './acks.js';
import { ReopeningChannel } from './connection/reopening-channel.js';
import { REQUEST_TIMEOUT_MS, within } from './limits.js';

export interface ConsumerOptions extends ConsumeOptions {
  connection: Connection;
  logger: Logger;
  queue: string;
  /** Called when the queue does not exist, or when the broker cancels the consumer. */
  onMissing: () => void;
  /** Called whenever the consumer is registered with the broker. */
  onConsuming?: () => void;
  onClose: () => void;
}

export function createConsumer(options: ConsumerOptions): Consumer {
  const { connection, logger, queue, onDelivery, onMissing, onClose } = options;
  let prefetch = options.prefetch;
  let wanted = true;
  let closed = false;
  let epoch: Epoch | undefined;
  let tag: string | undefined;
  // serializes cancel, resume and the opening of channels
  const turns = new SerialQueue();

  const reopening = new ReopeningChannel<Channel>({
    connection,
    logger,
    purpose: `consume ${queue}`,
    open: () => connection.openChannel(),
    opened: (channel) =>
      turns.run(async () => {
        epoch = new Epoch(channel);
        if (wanted) await start(epoch);
      }),
    missing: onMissing,
    lost: (_, reason) => {
      const gone = epoch;
      epoch = undefined;
      tag = undefined;
      gone?.end(reason);
    },
  });

  async function start(current: Epoch): Promise<void> {
    await within(REQUEST_TIMEOUT_MS, 'setting the prefetch', current.channel.prefetch(prefetch));
    const receive = (message: ConsumeMessage | null) => {
      if (message === null) gone(current);
      else deliver(current, message);
    };
    const consuming = current.channel.consume(queue, receive, { arguments: options.arguments?.() });
    const { consumerTag } = await within(REQUEST_TIMEOUT_MS, `consuming ${queue}`, consuming);
    if (epoch !== current) return;
    tag = consumerTag;
    options.onConsuming?.();
  }

  // an exception in amqplib's callback would close the channel
  function deliver(current: Epoch, message: ConsumeMessage): void {
    try {
      onDelivery(new RabbitDelivery(queue, current, message));
    } catch (error) {
      logger.error('onDelivery threw; the message stays unacknowledged until the channel closes', {
        queue,
        reason: messageOf(error),
      });
    }
  }

  /** Handles a cancel by the broker, which it sends when the queue is deleted. */
  function gone(current: Epoch): void {
    if (epoch !== current) return;
    logger.warn('the broker cancelled the consumer', { queue });
    onMissing();
    reopening.drop(new FlotillaError('broker.disconnected', `the broker cancelled the consumer of ${queue}`), {
      failed: true,
    });
  }

  /** Drops the channel on failure; the next one applies the wanted state. */
  async function orDrop(work: Promise<unknown>): Promise<void> {
    await work.catch((error: unknown) => {
      reopening.drop(new FlotillaError('broker.disconnected', messageOf(error), { cause: error }), { failed: true });
    });
  }

  return {
    get consuming() {
      return tag !== undefined;
    },
    cancel() {
      wanted = false;
      return turns.run(async () => {
        if (epoch === undefined || tag === undefined || wanted) return;
        const current = tag;
        await orDrop(within(REQUEST_TIMEOUT_MS, `cancelling ${queue}`, epoch.channel.cancel(current)));
        if (tag === current) tag = undefined;
      });
    },
    resume(next = prefetch) {
      wanted = true;
      return turns.run(async () => {
        prefetch = next;
        if (epoch === undefined || tag !== undefined || !wanted || closed) return;
        await orDrop(start(epoch));
      });
    },
    async close() {
      wanted = false;
      if (!closed) onClose();
      closed = true;
      epoch?.acks.flush();
      await reopening.close();
    },
  };
}

/** One channel, from its opening to its end. A delivery may only be settled on the channel that delivered it. */
class Epoch {
  readonly #ended = new AbortController();
  readonly acks: Acks;

  constructor(readonly channel: Channel) {
    setMaxListeners(0, this.#ended.signal);
    this.acks = new Acks(channel, ignoreEnded);
  }

  get lost(): AbortSignal {
    return this.#ended.signal;
  }

  end(reason: Error): void {
    this.acks.drop();
    this.#ended.abort(reason);
  }
}

class RabbitDelivery implements Delivery {
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  readonly #epoch: Epoch;
  readonly #message: ConsumeMessage;
  #settled = false;

  constructor(
    readonly queue: string,
    epoch: Epoch,
    message: ConsumeMessage,
  ) {
    this.#epoch = epoch;
    this.#message = message;
    this.exchange = message.fields.exchange;
    this.routingKey = message.fields.routingKey;
    this.redelivered = message.fields.redelivered;
    this.body = message.content;
    this.properties = propertiesOf(message);
  }

  get lost(): AbortSignal {
    return this.#epoch.lost;
  }

  ack(): void {
    this.#settle((acks) => acks.ack(this.#message));
  }

  requeue(): void {
    this.#settle((acks) => acks.requeue(this.#message));
  }

  #settle(change: (acks: Acks) => void): void {
    if (this.#settled || this.#epoch.lost.aborted) return;
    this.#settled = true;
    try {
      change(this.#epoch.acks);
    } catch (error) {
      ignoreEnded(error);
    }
  }
}

/** Ignores the error of a connection that has ended, before the channel reports it: the message will be delivered
 *  again. */
function ignoreEnded(error: unknown): void {
  if (!(error instanceof IllegalOperationError)) throw error;
}

export function propertiesOf({ properties }: ConsumeMessage): MessageProperties & { readonly headers: Fields } {
  return {
    messageId: text(properties.messageId),
    type: text(properties.type),
    appId: text(properties.appId),
    timestamp: typeof properties.timestamp === 'number' ? properties.timestamp : undefined,
    correlationId: text(properties.correlationId),
    contentType: text(properties.contentType),
    userId: text(properties.userId),
    headers: properties.headers ?? {},
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
