import { sleep } from '../../src/concurrency/sleep.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import type { Bench } from '../support/bench.js';
import { fleetEnvironment } from '../support/fleet.js';
import { post } from '../support/orders.js';
import { startFlotilla, startProgram, type BenchProcess } from '../support/processes.js';
import { cpuOf } from '../support/running-fleet.js';
import { sized } from '../support/size.js';
import { percentile } from '../support/table.js';
import { BATCH, readingsFrom, leavingBatch, timeOf } from './readings.js';

const SENSORS = 64;
const BATCHES_EACH = sized(40);
const READINGS = SENSORS * BATCHES_EACH * BATCH;
const CLIENTS = 16;
const PACED_SECONDS = Math.max(2, sized(10));
const LIMIT_MS = 120_000;
const GOAL = 20_000;

/** Batches of 100 readings by HTTP: how many are stored and handled by the worker of alerts, and the time from a request
 *  to the stored alert at the goal, or at two thirds of that rate if this is less. The reference parses and validates the
 *  same bodies and stores nothing. */
export const http: Bench = async (context) => {
  const bare = await bareSpeed();
  const env = { ...fleetEnvironment(context), WITH: 'sensors', WORKERS: 'sensor-alerts', UNROUTED_MAX: '1' };
  const api = await startFlotilla(['api'], env);
  const worker = await startFlotilla(['worker', 'sensor-alerts'], env);
  const store = await openSqliteStore({ service: 'core', path: `${context.folder}/core.db` });
  try {
    await sendAll(api, 'warm');
    await allHandled(store, 'warm');
    const cpu = await cpuOfBoth(api, worker);
    const began = performance.now();
    const stored = await sendAll(api, 'sensor');
    await allHandled(store, 'sensor');
    const handled = READINGS / ((performance.now() - began) / 1000);
    const used = await cpuOfBoth(api, worker);
    const pace = Math.max(BATCH, Math.round(Math.min(GOAL, (handled * 2) / 3) / BATCH) * BATCH);
    const delays = await pacedDelays(api, store, pace);
    const [p50, p99] = [0.5, 0.99].map((share) => percentile(delays, share));
    const perReading = (key: 'api' | 'worker') => (((used[key] - cpu[key]) / READINGS) * 1_000).toFixed(0);
    const shown = (speed: number) => `${Math.round(speed).toLocaleString('en-US')}/s`;
    return [
      {
        name: `readings by HTTP, batches of ${BATCH}, ${CLIENTS} clients: stored, while they are handled`,
        ours: `${shown(stored)} (API ${perReading('api')} µs CPU)`,
        bare: `Express that parses and validates ${shown(bare)}`,
        ratio: stored / bare,
      },
      { name: 'the same: stored', ours: shown(stored), bare: shown(GOAL), ratio: stored / GOAL, target: 1 },
      {
        name: 'the same: handled by sensor-alerts',
        ours: `${shown(handled)} (worker ${perReading('worker')} µs CPU)`,
        bare: shown(GOAL),
        ratio: handled / GOAL,
        target: 1,
      },
      {
        name: `from the request to the stored alert, ${shown(pace)} in batches of ${BATCH}, p99 of ${delays.length}`,
        ours: `${p99?.toFixed(0)} ms, p50 ${p50?.toFixed(0)} ms`,
        bare: '1000 ms',
        ratio: (p99 ?? Infinity) / 1000,
        atMost: 1,
      },
    ];
  } finally {
    await worker.stop();
    await api.stop();
    await store.close();
  }
};

async function bareSpeed(): Promise<number> {
  const express = await startProgram('bench/fixtures/express-process.ts', []);
  try {
    await sendAll(express, 'warm');
    return await sendAll(express, 'sensor');
  } finally {
    await express.stop();
  }
}

/** Sends the batches of each sensor in order, several sensors at a time. Resolves with the readings per second that were
 *  accepted. */
async function sendAll({ url }: Pick<BenchProcess, 'url'>, name: string): Promise<number> {
  const bodies = Array.from({ length: BATCHES_EACH }, (_, n) => readingsFrom(n * BATCH, BATCH));
  const sensors = Array.from({ length: SENSORS }, (_, n) => `${name}-${n}`);
  const began = performance.now();
  const client = async () => {
    for (let sensor = sensors.pop(); sensor !== undefined; sensor = sensors.pop()) {
      for (const body of bodies) await (await post(`${url}/sensors/${sensor}/readings`, body)).arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return READINGS / ((performance.now() - began) / 1000);
}

async function allHandled(store: Store, name: string): Promise<void> {
  const last = timeOf(BATCHES_EACH * BATCH - 1);
  const count = async () => {
    const [row] = await store.query<{ count: number }>`
      select count(*) as count from sensor_values where sensor like ${`${name}-%`} and time = ${last}`;
    return Number(row?.count);
  };
  const deadline = Date.now() + LIMIT_MS;
  while ((await count()) < SENSORS) {
    if (Date.now() > deadline) throw new Error(`the readings were not handled within ${LIMIT_MS / 1000} s`);
    await sleep(20);
  }
}

/** The milliseconds from each request to its stored alert. */
async function pacedDelays(api: BenchProcess, store: Store, pace: number): Promise<number[]> {
  const requests = Math.round((PACED_SECONDS * pace) / BATCH);
  const sentAt = new Map<string, number>();
  const delays: number[] = [];
  const body = leavingBatch();
  let position = await store.head();
  const began = performance.now();
  const sending = (async () => {
    const open: Promise<Response>[] = [];
    for (let n = 0; n < requests; n += 1) {
      await sleep(began + (n * BATCH * 1_000) / pace - performance.now());
      sentAt.set(`paced-${n}`, performance.now());
      open.push(post(`${api.url}/sensors/paced-${n}/readings`, body));
    }
    await Promise.all(open);
  })();
  const deadline = Date.now() + LIMIT_MS;
  while (delays.length < requests && Date.now() < deadline) {
    const page = await store.readAll(position, 5_000);
    const now = performance.now();
    position = page.at(-1)?.position ?? position;
    for (const { event } of page) {
      if (event.type !== 'sensor.alert') continue;
      delays.push(now - (sentAt.get((event.data as { sensor: string }).sensor) ?? 0));
    }
    await sleep(5);
  }
  await sending;
  if (delays.length < requests) throw new Error(`${delays.length} of ${requests} alerts within ${LIMIT_MS / 1000} s`);
  return delays;
}

async function cpuOfBoth(api: BenchProcess, worker: BenchProcess) {
  return { api: await cpuOf(api.pid), worker: await cpuOf(worker.pid) };
}
