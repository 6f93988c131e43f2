import { loadConfig } from 'flotilla';
import { startSite } from './site.js';

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(`received ${name}`)));

const { AMQP_URL = 'amqp://guest:guest@127.0.0.1:5672', PORT = '3000', ...env } = process.env;
const config = loadConfig({ FLOTILLA_PREFIX: 'embedded-', DATA_DIR: 'data/embedded', ...env, AMQP_URL });

const site = await startSite({ port: Number(PORT), config, signal: stop.signal });
console.log(`${site.url} answers; try: curl -X POST ${site.url}/contact --json '{"topic":"prices","text":"Hello"}'`);
console.log(`and then: curl ${site.url}/fleet/topics`);
await site.ended;
