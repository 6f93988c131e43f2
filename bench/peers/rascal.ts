import type { EventEmitter } from 'node:events';
import { serveOrders } from './express-api.js';
import { loadPackage } from './install.js';
import { ATTEMPTS, CONSUMERS, fail, PREFETCH, RETRY_DELAY_MS, type Order, type StartPeer } from './peer.js';
import { messagesIn, quorumQueue, rabbitSettings } from './rabbit.js';

/** The part of its API that this benchmark uses. */
interface Rascal {
  BrokerAsPromised: { create: (config: unknown) => Promise<Broker> };
  withDefaultConfig: (config: unknown) => unknown;
}

interface Broker extends EventEmitter {
  readonly config: { recovery: Record<string, unknown> };
  publish(publication: string, content: unknown, routingKey: string): Promise<EventEmitter>;
  subscribe(subscription: string): Promise<EventEmitter>;
  shutdown(): Promise<void>;
}

type AckOrNack = (error?: unknown, recovery?: unknown) => void;

const QUEUES = [...CONSUMERS, 'solo'];
const DEAD = 'dead_letters:orders';
/** Deliveries after which RabbitMQ itself dead-letters a message, for example one whose consumer crashes. */
const DELIVERY_LIMIT = 20;

/** As its documentation recommends: the default configuration (persistent, confirmed, mandatory), the confirm pool of
 *  its advanced example, deferred retries by a delay queue, then a dead-letter exchange; quorum queues with a delivery
 *  limit in place of the redelivery counter. */
export const start: StartPeer = async (context, tally) => {
  const { BrokerAsPromised, withDefaultConfig } = loadPackage<Rascal>(context.packages, 'rascal');
  const quorum = { arguments: { 'x-queue-type': 'quorum' } };
  const vhost = decodeURIComponent(new URL(context.amqpUrl).pathname.slice(1));
  const config = withDefaultConfig({
    vhosts: {
      [vhost]: {
        connection: { url: context.amqpUrl },
        exchanges: ['service', 'delay', 'retry', 'dead_letters'],
        queues: {
          ...Object.fromEntries(
            QUEUES.map((queue) => [
              queue,
              {
                options: {
                  arguments: { ...quorumQueue('dead_letters', 'orders'), 'x-delivery-limit': DELIVERY_LIMIT },
                },
              },
            ]),
          ),
          'delay:1s': {
            options: {
              arguments: {
                'x-queue-type': 'quorum',
                'x-message-ttl': RETRY_DELAY_MS,
                'x-dead-letter-exchange': 'retry',
              },
            },
          },
          [DEAD]: { options: quorum },
        },
        bindings: {
          ...Object.fromEntries(CONSUMERS.map((queue) => [`service[order.placed] -> ${queue}`, {}])),
          'service[solo.placed] -> solo': {},
          'delay[delay.1s] -> delay:1s': {},
          ...Object.fromEntries(QUEUES.map((queue) => [`retry[${queue}.#] -> ${queue}`, {}])),
          [`dead_letters[orders] -> ${DEAD}`]: {},
        },
        subscriptions: Object.fromEntries(QUEUES.map((queue) => [queue, { queue, prefetch: PREFETCH }])),
        publications: {
          orders: { exchange: 'service' },
          retry_later: { exchange: 'delay', options: { CC: ['delay.1s'] } },
        },
        publicationChannelPools: { confirmPool: { max: 10, min: 5, autostart: true } },
      },
    },
    recovery: {
      deferred_retry: [
        { strategy: 'forward', attempts: ATTEMPTS - 1, publication: 'retry_later', xDeathFix: true },
        { strategy: 'nack' },
      ],
    },
  });
  const broker = await BrokerAsPromised.create(config);
  broker.on('error', fail);

  const subscribe = async (queue: string, handle: (order: Order) => void) => {
    const subscription = await broker.subscribe(queue);
    subscription.on('error', fail);
    subscription.on('message', (_message: unknown, order: Order, ackOrNack: AckOrNack) => {
      try {
        handle(order);
        ackOrNack();
      } catch (error) {
        ackOrNack(error, broker.config.recovery.deferred_retry);
      }
    });
  };
  const publish = async (routingKey: string, order: Order) => {
    const publication = await broker.publish('orders', order, routingKey);
    await new Promise<void>((resolve, reject) => {
      publication.on('success', () => resolve()).on('error', reject);
      publication.on('return', () => fail(new Error('a message was returned as unroutable')));
    });
  };
  for (const name of CONSUMERS) await subscribe(name, (order) => tally.handle(name, order));
  const api = await serveOrders((order) => publish('order.placed', order));
  return {
    url: api.url,
    publish: (order) => publish('solo.placed', order),
    consume: (handle) => subscribe('solo', handle),
    settings: () =>
      rabbitSettings(context, { queues: [...QUEUES, 'delay:1s', DEAD], exchanges: ['service', 'delay', 'retry'] }),
    failures: () => messagesIn(context.amqpUrl, [DEAD]),
    async stop() {
      api.close();
      await broker.shutdown();
    },
  };
};
