import './decode-headers.js';
import { IllegalOperationError } from 'amqplib';
import type { ConfirmChannel, Message, Options } from 'amqplib';
import { FlotillaError, hasCode, messageOf } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { OutgoingMessage, Publisher } from '../broker.js';
import { withUserId } from '../users/verify-publisher.js';
import { StateCell } from '../broker-state.js';
import type { Connection } from './connection/connection.js';
import { ReopeningChannel } from './connection/reopening-channel.js';
import type { Missing } from './topology/topology-repair.js';
import { formatDuration } from '../../duration.js';

export interface PublisherOptions {
  connection: Connection;
  /** Sent with each message as its user-id, which RabbitMQ verifies. */
  userId: string | undefined;
  logger: Logger;
  /** Milliseconds until a publish without a confirm rejects with `broker.timeout`. */
  timeout: number;
  /** Called when the exchange does not exist, or a mandatory message was returned. */
  onMissing: (what: Missing) => void;
  /** Called with `broker.not_permitted`; with undefined when a message is confirmed afterwards, or at the end. */
  onRefusal: (refusal: FlotillaError | undefined) => void;
  /** Called when the publisher is closed. */
  onClose: () => void;
}

/** Minimum time between two renewals of a channel, in milliseconds. */
const RENEW_INTERVAL_MS = 1000;

/** One publish that waits for its confirm. */
interface Unconfirmed {
  readonly message: OutgoingMessage;
  readonly deadline: number;
  /** Set when the broker has returned the message because no queue accepts it; the confirm follows. */
  returned: string | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { connection, userId, logger, timeout, onMissing, onRefusal, onClose } = options;
  const state = new StateCell();
  // in the order of publishing, which is also the order of the deadlines
  const unconfirmed = new Set<Unconfirmed>();
  let channel: ConfirmChannel | undefined;
  let sweep: NodeJS.Timeout | undefined;
  let renewedAt = -Infinity;
  let isRefused = false;

  const reopening = new ReopeningChannel<ConfirmChannel>({
    connection,
    logger,
    purpose: 'publish',
    open: () => connection.openConfirmChannel(),
    opened: async (opened) => {
      opened.on('return', markReturned);
      channel = opened;
      follow();
    },
    missing: () => onMissing({ kind: 'exchange' }),
    lost: (_, reason) => {
      channel = undefined;
      follow();
      if (hasCode(reason, 'broker.not_permitted')) reportRefusal(reason);
      rejectAll(reason);
    },
  });

  function reportRefusal(refusal: FlotillaError | undefined): void {
    if (refusal === undefined && !isRefused) return;
    isRefused = refusal !== undefined;
    onRefusal(refusal);
  }

  const follow = () => state.set(channel === undefined ? 'connecting' : connection.state.value);
  const stopFollowing = connection.state.listen((next) => (next === 'closed' ? state.set('closed') : follow()));

  /** `return` precedes the confirm of the same message. Equal messages are routed equally, so the first match
   *  suffices. */
  function markReturned({ fields, properties }: Message): void {
    onMissing({ kind: 'route', exchange: fields.exchange, routingKey: fields.routingKey });
    for (const each of unconfirmed) {
      const { message } = each;
      if (
        each.returned === undefined &&
        message.mandatory === true &&
        message.properties.messageId === properties.messageId &&
        message.exchange === fields.exchange &&
        message.routingKey === fields.routingKey
      ) {
        each.returned = `exchange "${fields.exchange}", routing key "${fields.routingKey}"`;
        return;
      }
    }
  }

  function rejectAll(reason: Error): void {
    const all = [...unconfirmed];
    unconfirmed.clear();
    stopSweeping();
    for (const each of all) each.reject(reason);
  }

  // one timer for all of them: a timer each would cost more than the publish
  function startSweeping(): void {
    sweep ??= setInterval(
      () => {
        const now = performance.now();
        let late = false;
        for (const each of unconfirmed) {
          if (each.deadline > now) break;
          late = true;
          unconfirmed.delete(each);
          each.reject(new FlotillaError('broker.timeout', `no confirm within ${formatDuration(timeout)}`));
        }
        if (late && state.value === 'ready') connection.leaveIfSilent(timeout);
        if (unconfirmed.size === 0) stopSweeping();
      },
      Math.min(500, Math.max(10, timeout / 10)),
    );
  }

  function stopSweeping(): void {
    clearInterval(sweep);
    sweep = undefined;
  }

  function settle(each: Unconfirmed, nacked: boolean): void {
    if (channel !== undefined) connection.answered(); // otherwise the end of the channel settled it
    if (!unconfirmed.delete(each)) return; // timed out, or its channel has closed
    if (nacked) renewSoon();
    if (nacked) each.reject(new FlotillaError('broker.nacked'));
    else if (each.returned !== undefined) each.reject(new FlotillaError('broker.returned', each.returned));
    else each.resolve();
    if (!nacked) reportRefusal(undefined);
  }

  /** Renews the channel after a refusal. RabbitMQ records per channel which queues refuse, and may continue to
   *  refuse after the reason is gone, for example after a limit was raised or a new leader was elected. A channel
   *  with nothing in flight can be replaced. */
  function renewSoon(): void {
    setImmediate(() => {
      const now = performance.now();
      if (channel === undefined || unconfirmed.size > 0 || now - renewedAt < RENEW_INTERVAL_MS) return;
      renewedAt = now;
      reopening.drop(new FlotillaError('broker.disconnected', 'the channel is replaced after a refusal'));
    });
  }

  function refuse(reject: (error: Error) => void): void {
    if (state.value === 'closed') reject(new FlotillaError('broker.closed'));
    else reject(new FlotillaError('broker.disconnected', `not sent: the broker is ${state.value}`));
  }

  return {
    get state() {
      return state.value;
    },
    publish(message) {
      return new Promise<void>((resolve, reject) => {
        if (channel === undefined || state.value !== 'ready') {
          refuse(reject);
          return;
        }
        const deadline = performance.now() + timeout;
        const each: Unconfirmed = { message, deadline, returned: undefined, resolve, reject };
        try {
          channel.publish(
            message.exchange,
            message.routingKey,
            asBuffer(message.body),
            optionsOf(message, userId),
            (error) => settle(each, error !== null),
          );
        } catch (error) {
          // nothing was sent: the channel is about to end, or the message cannot be encoded
          const code = error instanceof IllegalOperationError ? 'broker.disconnected' : 'broker.unencodable';
          reject(new FlotillaError(code, messageOf(error), { cause: error }));
          return;
        }
        unconfirmed.add(each);
        if (sweep === undefined) startSweeping();
      });
    },
    reset() {
      reopening.drop(new FlotillaError('broker.disconnected', 'the channel was reset'));
    },
    ready: (signal) => state.until(['ready'], signal),
    async close() {
      if (state.value === 'closed') return;
      state.set('closed');
      rejectAll(new FlotillaError('broker.closed'));
      reportRefusal(undefined);
      stopFollowing();
      onClose();
      await reopening.close();
    },
  };
}

function optionsOf({ properties, mandatory }: OutgoingMessage, userId: string | undefined): Options.Publish {
  return { ...withUserId(properties, userId), persistent: true, mandatory: mandatory === true };
}

function asBuffer(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
