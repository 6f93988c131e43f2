import { setTimeout as sleep } from 'node:timers/promises';
import { serveOrders } from './express-api.js';
import { loadPackage } from './install.js';
import { ATTEMPTS, CONSUMERS, type Order, type Setting, type StartPeer } from './peer.js';

/** The parts of their APIs that this benchmark uses. */
interface GraphileWorker {
  Logger: new (factory: () => () => void) => object;
  makeWorkerUtils: (options: object) => Promise<{
    migrate(): Promise<void>;
    addJob(identifier: string, payload: Order, options: { maxAttempts: number }): Promise<unknown>;
    addJobs(jobs: { identifier: string; payload: Order; maxAttempts: number }[]): Promise<unknown>;
    release(): Promise<void>;
  }>;
  run: (options: object) => Promise<{ stop(): Promise<void> }>;
}

interface Pg {
  Client: new (options: { connectionString: string }) => {
    connect(): Promise<void>;
    query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
    end(): Promise<void>;
  };
}

const TABLE = '_private_jobs';
const EXHAUSTED = 'attempts >= max_attempts AND locked_at IS NULL';
const POLL_INTERVAL_MS = 5;

/** With the settings of the performance page of its documentation: 24 concurrent jobs, a local queue of 500, batched
 *  completion without delay, after the handlers and without limit. The jobs of an order are added by one statement. Its retry delay cannot be configured. */
export const start: StartPeer = async ({ packages, name: schema, postgresUrl = '' }, tally) => {
  const { Logger, makeWorkerUtils, run } = loadPackage<GraphileWorker>(packages, 'graphile-worker');
  const { Client } = loadPackage<Pg>(packages, 'pg');
  const logger = new Logger(() => () => undefined);
  const shared = { connectionString: postgresUrl, schema, logger, maxPoolSize: 25 };
  const utils = await makeWorkerUtils(shared);
  await utils.migrate();
  const runners: { stop(): Promise<void> }[] = [];
  const work = async (tasks: Record<string, (order: Order) => void>) => {
    const runner = await run({
      ...shared,
      concurrency: 24,
      noHandleSignals: true,
      taskList: Object.fromEntries(
        Object.entries(tasks).map(([task, handle]) => [task, async (order: Order) => handle(order)]),
      ),
      preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    });
    runners.push(runner);
  };
  const client = new Client({ connectionString: postgresUrl });
  await client.connect();
  const query = async (sql: string) => (await client.query(sql)).rows[0] ?? {};
  const countJobs = async (condition: string) =>
    Number((await query(`SELECT count(*) FROM "${schema}".${TABLE} WHERE ${condition}`)).count);
  await work(
    Object.fromEntries(CONSUMERS.map((consumer) => [consumer, (order: Order) => tally.handle(consumer, order)])),
  );
  const api = await serveOrders((payload) =>
    utils.addJobs(CONSUMERS.map((identifier) => ({ identifier, payload, maxAttempts: ATTEMPTS }))),
  );
  const stopRunners = () => Promise.all(runners.splice(0).map((runner) => runner.stop()));
  let stopped: Promise<unknown> | undefined;
  return {
    url: api.url,
    async publish(order) {
      // a runner without a task for these jobs would still search for jobs at each notification
      stopped ??= stopRunners();
      await stopped;
      await utils.addJob('solo', order, { maxAttempts: ATTEMPTS });
    },
    consume: (handle) => work({ solo: handle }),
    async settings() {
      const read = async (setting: string, required: string): Promise<Setting> => ({
        name: setting,
        value: String((await query(`SHOW ${setting}`))[setting]),
        required,
      });
      const { relpersistence } = await query(
        `SELECT relpersistence FROM pg_class WHERE oid = '"${schema}".${TABLE}'::regclass`,
      );
      return [
        await read('fsync', 'on'),
        await read('synchronous_commit', 'on'),
        await read('full_page_writes', 'on'),
        { name: `table ${TABLE}`, value: relpersistence === 'p' ? 'logged' : 'unlogged', required: 'logged' },
      ];
    },
    failures: () => countJobs(EXHAUSTED),
    async settled() {
      while ((await countJobs(`NOT (${EXHAUSTED})`)) > 0) await sleep(POLL_INTERVAL_MS);
    },
    async stop() {
      api.close();
      await stopRunners();
      await utils.release();
      await client.end();
    },
  };
};
