import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { loadPackage } from './install.js';
import { ATTEMPTS, CONSUMERS, newOrder, PREFETCH, RETRY_DELAY_MS, type Order, type StartPeer } from './peer.js';
import { messagesIn, quorumQueue, rabbitSettings } from './rabbit.js';

/** The parts of their APIs that this benchmark uses. Decorators are called as functions, because their package is not
 *  there when this file is compiled. */
interface NestCore {
  NestFactory: { create: (module: unknown, options: { logger: false }) => Promise<Application> };
}

interface Application {
  listen(port: number, host: string): Promise<unknown>;
  getHttpServer(): Server;
  get<T>(token: unknown): T;
  close(): Promise<void>;
}

interface NestCommon {
  BadRequestException: new (message: string) => Error;
  Body: () => ParameterDecorator;
  Controller: (path: string) => ClassDecorator;
  HttpCode: (status: number) => MethodDecorator;
  Inject: (token: unknown) => ParameterDecorator;
  Module: (metadata: object) => ClassDecorator;
  Post: () => MethodDecorator;
}

interface Golevelup {
  AmqpConnection: unknown;
  RabbitMQModule: { forRoot: (config: object) => unknown };
  RabbitSubscribe: (options: object) => MethodDecorator;
}

interface AmqpConnection {
  publish(exchange: string, routingKey: string, message: unknown): Promise<boolean>;
  createSubscriber(handler: (order: Order) => Promise<void>, options: object, name: string): Promise<unknown>;
}

const QUEUES = [...CONSUMERS, 'solo'];
const EXCHANGE = 'orders';
const RETRY = 'retry';
const DEAD = 'dead';
const silent = Object.fromEntries(
  ['log', 'warn', 'error', 'debug', 'verbose'].map((level) => [level, () => undefined]),
);

/** As its documentation recommends: persistent messages, channels with a prefetch, NACK in place of the default REQUEUE,
 *  and a dead-letter exchange. It leaves counting attempts to the application: an `errorHandler` reads the header of the
 *  broker, which returns a rejected message after a delay. */
export const start: StartPeer = async (context, tally) => {
  const { NestFactory } = loadPackage<NestCore>(context.packages, '@nestjs/core');
  const nest = loadPackage<NestCommon>(context.packages, '@nestjs/common');
  const { AmqpConnection, RabbitMQModule, RabbitSubscribe } = loadPackage<Golevelup>(
    context.packages,
    '@golevelup/nestjs-rabbitmq',
  );

  class OrdersController {
    constructor(private readonly connection: AmqpConnection) {}

    async place(body: unknown): Promise<{ id: string }> {
      const { data, error } = newOrder.safeParse(body);
      if (error !== undefined) throw new nest.BadRequestException(error.message);
      const order = { ...data, id: randomUUID() };
      await this.connection.publish(EXCHANGE, 'order.placed', order);
      return { id: order.id };
    }
  }
  nest.Controller('orders')(OrdersController);
  nest.Inject(AmqpConnection)(OrdersController, undefined, 0);
  decorate(OrdersController, 'place', nest.Post(), nest.HttpCode(202));
  nest.Body()(OrdersController.prototype, 'place', 0);

  const consumers = CONSUMERS.map((name) => {
    class OrderConsumer {
      async handle(order: Order): Promise<void> {
        tally.handle(name, order);
      }
    }
    decorate(OrderConsumer, 'handle', RabbitSubscribe(subscriptionTo(name)));
    return OrderConsumer;
  });

  class AppModule {}
  nest.Module({
    imports: [
      RabbitMQModule.forRoot({
        uri: context.amqpUrl,
        exchanges: [EXCHANGE, RETRY].map((name) => ({ name, type: 'topic', options: { durable: true } })),
        queues: [
          ...QUEUES.map((name) => ({ name: `${name}.retry`, ...retryQueueOf(name) })),
          { name: 'solo', ...boundTo(EXCHANGE, 'solo.placed'), options: queueOptionsOf('solo') },
          { name: DEAD, options: { durable: true, arguments: { 'x-queue-type': 'quorum' } } },
        ],
        channels: { publishing: { default: true }, consuming: { prefetchCount: PREFETCH } },
        defaultPublishOptions: { persistent: true },
        defaultSubscribeErrorBehavior: 'NACK',
        logger: silent,
      }),
    ],
    controllers: [OrdersController],
    providers: consumers,
  })(AppModule);

  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const connection = app.get<AmqpConnection>(AmqpConnection);
  return {
    url: `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`,
    async publish(order) {
      await connection.publish(EXCHANGE, 'solo.placed', order);
    },
    async consume(handle) {
      await connection.createSubscriber(async (order) => handle(order), subscriptionTo('solo'), 'solo');
    },
    settings: () =>
      rabbitSettings(context, {
        queues: [...QUEUES, ...QUEUES.map((name) => `${name}.retry`), DEAD],
        exchanges: [EXCHANGE, RETRY],
      }),
    failures: () => messagesIn(context.amqpUrl, [DEAD]),
    stop: () => app.close(),
  };
};

function boundTo(exchange: string, routingKey: string) {
  return { exchange, routingKey };
}

function queueOptionsOf(queue: string) {
  return { durable: true, arguments: quorumQueue(RETRY, queue) };
}

/** The queue in which rejected messages wait until the broker returns them. */
function retryQueueOf(queue: string) {
  const options = { durable: true, arguments: { ...quorumQueue('', queue), 'x-message-ttl': RETRY_DELAY_MS } };
  return { ...boundTo(RETRY, queue), options };
}

function subscriptionTo(queue: string) {
  return {
    ...boundTo(EXCHANGE, queue === 'solo' ? 'solo.placed' : 'order.placed'),
    queue,
    queueOptions: { ...queueOptionsOf(queue), channel: 'consuming' },
    errorHandler: retryLaterOrKeep(queue),
  };
}

/** Rejects a message, so that the broker returns it later, or after the last attempt moves it to the queue of failed
 *  messages. */
function retryLaterOrKeep(queue: string) {
  return async (channel: ConfirmChannel, message: ConsumeMessage) => {
    const deaths = message.properties.headers?.['x-death'] ?? [];
    const rejections = deaths.find((death) => death.queue === queue && death.reason === 'rejected')?.count ?? 0;
    if (rejections + 1 < ATTEMPTS) {
      channel.nack(message, false, false);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      channel.sendToQueue(DEAD, message.content, { persistent: true }, (error: unknown) => {
        if (error) reject(error instanceof Error ? error : new Error('nack'));
        else resolve();
      });
    });
    channel.ack(message);
  };
}

function decorate(type: { prototype: object }, method: string, ...decorators: MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  if (descriptor === undefined) throw new Error(`no method ${method}`);
  for (const apply of decorators) apply(type.prototype, method, descriptor);
}
