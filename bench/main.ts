import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanUp, stopSharedNode, testBroker } from '../test/support/rabbitmq.js';
import { api } from './api.js';
import { latency } from './latency.js';
import { memory } from './memory.js';
import { pipeline } from './pipeline.js';
import { relay } from './relay.js';
import { scale } from './scale.js';
import type { Bench } from './support/bench.js';
import { printTable, type Row } from './support/table.js';

const benches: Record<string, Bench> = { relay, pipeline, api, memory, scale, latency };

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : Object.keys(benches);
const rows: Row[] = [];
console.log(`Node ${process.version}, ${cpus().length} cores, load before ${loadavg()[0]?.toFixed(1)}`);
for (const name of names) {
  const bench = benches[name];
  if (bench === undefined) throw new Error(`No bench ${name}; there are ${Object.keys(benches).join(', ')}`);
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
  const { amqpUrl, managementUrl } = await testBroker();
  const prefix = `t-${randomUUID().slice(0, 8)}-`;
  console.log(`${name} …`);
  try {
    rows.push(...(await bench({ amqpUrl, managementUrl, folder, prefix })));
  } finally {
    await cleanUp(prefix);
    await rm(folder, { recursive: true, force: true });
  }
}
await stopSharedNode();
printTable(rows);
