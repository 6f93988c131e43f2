import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd, cleanUpAtEnd, cleanUpOnSignal } from '../test/support/clean-up.js';
import { cleanUp, testBroker } from '../test/support/rabbitmq.js';
import { api } from './api.js';
import { guard } from './guard/guard.js';
import { history } from './history.js';
import { journal } from './journal.js';
import { kafka } from './kafka.js';
import { latency } from './latency.js';
import { memory } from './memory.js';
import { order } from './order.js';
import { ordered } from './ordered.js';
import { peers } from './peers.js';
import { pipeline } from './pipeline.js';
import { projection } from './projection.js';
import { relay } from './relay.js';
import { sagas } from './sagas.js';
import { scale } from './scale.js';
import { sensors } from './sensors.js';
import { slowDisk } from './slow-disk.js';
import { storeAppend } from './store-append.js';
import { storeMillion } from './store-million.js';
import { storeRead } from './store-read.js';
import { windows } from './windows.js';
import type { Bench } from './support/bench.js';
import { printTable, type Row } from './support/table.js';

const benches: Record<string, Bench> = {
  order,
  peers,
  relay,
  kafka,
  pipeline,
  ordered,
  api,
  memory,
  scale,
  latency,
  journal,
  slowDisk,
  storeAppend,
  storeRead,
  storeMillion,
  history,
  projection,
  sagas,
  windows,
  sensors,
};

const wanted = process.argv.slice(2);
if (wanted[0] === '--guard') process.exit(await guard(wanted.slice(1)));

const unknown = wanted.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`Unknown benchmark ${unknown.join(', ')}; use ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}

cleanUpOnSignal();
const rows: Row[] = [];
console.log(`Node ${process.version}, ${cpus().length} cores, load before ${loadavg()[0]?.toFixed(1)}`);
try {
  for (const [name, bench] of Object.entries(benches)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(`${name} …`);
    try {
      rows.push(...(await run(bench)));
    } catch (error) {
      console.error(`${name} failed:`, error);
      process.exitCode = 1;
    }
  }
} finally {
  await cleanUpAtEnd();
  printTable(rows);
}

/** Runs a benchmark with a separate folder and prefix, and removes both. */
async function run(bench: Bench): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
  const removeFolder = atEnd(() => rm(folder, { recursive: true, force: true }));
  const { amqpUrl, managementUrl, prefix } = await testBroker();
  const removeTopology = atEnd(() => cleanUp(prefix));
  try {
    return await bench({ amqpUrl, managementUrl, folder, prefix });
  } finally {
    await removeTopology();
    await removeFolder();
  }
}
