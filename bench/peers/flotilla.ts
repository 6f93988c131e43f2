import { defineRoute } from '../../src/http.js';
import {
  baseCatalogue,
  catalogue,
  createPublisher,
  createRabbitBroker,
  defineFleet,
  event,
  loadConfig,
  newId,
  runApi,
  runWorkers,
} from '../../src/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { ATTEMPTS, CONSUMERS, newOrder, placedOrder, PREFETCH, RETRY_DELAY_MS, type StartPeer } from './peer.js';
import { messagesIn, rabbitSettings } from './rabbit.js';

const shop = catalogue(baseCatalogue, {
  'order.placed': event({ 1: placedOrder }),
  'solo.placed': event({ 1: placedOrder }),
});

const place = defineRoute({
  method: 'post',
  path: '/orders',
  body: newOrder,
  handler: ({ body, origin, commit }) =>
    commit(async (tx) => {
      const id = newId();
      const subject = `order/${id}`;
      await tx.append(subject, 'none', [shop.create('order.placed', { ...body, id }, origin(subject))]);
      return { status: 202, body: { id } };
    }),
});

/** Orders: a route that appends to its store, the relay of this store, and three workers with a store, and so an inbox,
 *  of their own. Publishing alone: a publisher without a store. Consuming alone: a worker. */
export const start: StartPeer = async (context, tally) => {
  const stop = new AbortController();
  let handleAlone: Parameters<Awaited<ReturnType<StartPeer>>['consume']>[0] = () => undefined;
  const shared = {
    prefetch: PREFETCH,
    retry: { delays: Array.from({ length: ATTEMPTS - 1 }, () => RETRY_DELAY_MS) },
  };
  const fleet = defineFleet({
    catalogue: shop,
    api: { store: 'shop', emits: ['order.placed'], routes: [place] },
    workers: [
      ...CONSUMERS.map((name) =>
        shop.defineWorker({ ...shared, name, on: { 'order.placed': ({ data }) => tally.handle(name, data) } }),
      ),
      shop.defineWorker({ ...shared, name: 'solo', on: { 'solo.placed': ({ data }) => handleAlone(data) } }),
    ],
  });
  const config = loadConfig({
    AMQP_URL: context.amqpUrl,
    AMQP_MANAGEMENT_URL: context.managementUrl,
    DATA_DIR: context.folder,
    PORT: '0',
    LOG_LEVEL: 'error',
  });
  const options = { config, signal: stop.signal };
  const parts: Promise<void>[] = [];
  const run = async <Ready>(part: Promise<void> & { ready: Promise<Ready> }): Promise<Ready> => {
    parts.push(part);
    return part.ready;
  };
  const { url } = await run(runApi(fleet, options));
  await run(runWorkers(fleet, CONSUMERS, options));
  const broker = createRabbitBroker({ url: context.amqpUrl, connectionName: 'publisher', logger: silentLogger() });
  const publisher = createPublisher({ broker, catalogue: shop, source: 'bench' });
  return {
    url,
    async publish(order) {
      await publisher.publish('solo.placed', order, { subject: `order/${order.id}` });
    },
    async consume(handle) {
      handleAlone = handle;
      await run(runWorkers(fleet, ['solo'], options));
    },
    settings: () =>
      rabbitSettings(context, {
        queues: [...CONSUMERS.flatMap((name) => [name, `${name}.dead`]), 'solo'],
        exchanges: ['events', 'events.work'],
      }),
    failures: () =>
      messagesIn(
        context.amqpUrl,
        CONSUMERS.map((name) => `${name}.dead`),
      ),
    async stop() {
      await publisher.close();
      await broker.close();
      stop.abort();
      await Promise.all(parts);
    },
  };
};
