import { serveOrders } from './express-api.js';
import { loadPackage } from './install.js';
import {
  ATTEMPTS,
  CONSUMERS,
  fail,
  PREFETCH,
  RETRY_DELAY_MS,
  type Order,
  type Setting,
  type StartPeer,
} from './peer.js';

/** The parts of their APIs that this benchmark uses. */
interface BullMq {
  FlowProducer: new (options: Options) => {
    addBulk(jobs: { name: string; queueName: string; data: Order; opts: JobOptions }[]): Promise<unknown>;
    close(): Promise<void>;
  };
  Queue: new (
    name: string,
    options: Options,
  ) => {
    add(name: string, data: Order, options: JobOptions): Promise<unknown>;
    getFailedCount(): Promise<number>;
    close(): Promise<void>;
  };
  Worker: new (
    name: string,
    handle: (job: { data: Order }) => Promise<void>,
    options: Options & { concurrency: number },
  ) => {
    on(event: 'error', listener: (error: Error) => void): unknown;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  };
}

interface Options {
  connection: { host: string; port: number; password: string; maxRetriesPerRequest: null };
  prefix: string;
}

interface JobOptions {
  attempts: number;
  backoff: { type: 'fixed'; delay: number };
  removeOnComplete: boolean;
}

interface IoRedis {
  Redis: new (url: string) => {
    config(command: 'GET', name: string): Promise<string[]>;
    quit(): Promise<unknown>;
  };
}

/** Redis syncs its append-only file before each reply, which is stronger than the once per second that BullMQ
 *  recommends. The jobs of an order are added in one transaction, by a flow producer. */
export const start: StartPeer = async ({ packages, name, redisUrl = '' }, tally) => {
  const { FlowProducer, Queue, Worker } = loadPackage<BullMq>(packages, 'bullmq');
  const { Redis } = loadPackage<IoRedis>(packages, 'ioredis');
  const { hostname, port, password } = new URL(redisUrl);
  const options: Options = {
    connection: { host: hostname, port: Number(port), password, maxRetriesPerRequest: null },
    prefix: name,
  };
  const jobOptions: JobOptions = {
    attempts: ATTEMPTS,
    backoff: { type: 'fixed', delay: RETRY_DELAY_MS },
    removeOnComplete: true,
  };
  const producer = new FlowProducer(options);
  const queues = CONSUMERS.map((consumer) => new Queue(consumer, options));
  const solo = new Queue('solo', options);
  const workers: InstanceType<BullMq['Worker']>[] = [];
  const work = async (queue: string, handle: (order: Order) => void) => {
    const worker = new Worker(queue, async ({ data }) => handle(data), { ...options, concurrency: PREFETCH });
    worker.on('error', fail);
    workers.push(worker);
    await worker.waitUntilReady();
  };
  for (const consumer of CONSUMERS) await work(consumer, (order) => tally.handle(consumer, order));
  const api = await serveOrders((order) =>
    producer.addBulk(
      CONSUMERS.map((queueName) => ({ name: 'order.placed', queueName, data: order, opts: jobOptions })),
    ),
  );
  return {
    url: api.url,
    async publish(order) {
      await solo.add('solo.placed', order, jobOptions);
    },
    consume: (handle) => work('solo', handle),
    async settings() {
      const redis = new Redis(redisUrl);
      const read = async (setting: string, required: string): Promise<Setting> => ({
        name: setting,
        value: (await redis.config('GET', setting))[1] ?? '',
        required,
      });
      try {
        return [
          await read('appendonly', 'yes'),
          await read('appendfsync', 'always'),
          await read('maxmemory-policy', 'noeviction'),
        ];
      } finally {
        await redis.quit();
      }
    },
    async failures() {
      const counts = await Promise.all(queues.map((queue) => queue.getFailedCount()));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async stop() {
      api.close();
      await Promise.all(workers.map((worker) => worker.close()));
      await Promise.all([producer, solo, ...queues].map((each) => each.close()));
    },
  };
};
