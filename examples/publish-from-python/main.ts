import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { loadConfig, openStore, runWorkers } from 'flotilla';
import fleet from './fleet.js';

const { AMQP_URL = 'amqp://guest:guest@127.0.0.1:5672', PYTHON = 'python3', ...env } = process.env;
const config = loadConfig({ FLOTILLA_PREFIX: 'python-', DATA_DIR: 'data/python', LOG_LEVEL: 'warn', ...env, AMQP_URL });

const stop = new AbortController();
const options = { config, signal: stop.signal };
const workers = runWorkers(fleet, ['stock'], options);
await workers.ready;
const opened = openStore(fleet, 'stock', options);
const { store } = await opened.ready;

const script = fileURLToPath(new URL('publish.py', import.meta.url));
const { stdout } = await promisify(execFile)(PYTHON, [script], {
  env: { ...env, AMQP_URL, FLOTILLA_PREFIX: config.prefix },
});
const id = stdout.trim();
console.log(`Python published ${id}`);

const key = { consumer: 'stock', source: 'https://erp.example.org/warehouse', id };
while (!(await store.handled(key))) await setTimeout(50);
for (const { sku, quantity } of await store.query<{ sku: string; quantity: number }>`select sku, quantity from stock`) {
  console.log(`The worker has counted ${quantity} of ${sku}`);
}

stop.abort();
await Promise.all([workers, opened]);
