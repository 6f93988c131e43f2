import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { orderOfNewUser, placeOrders, post } from './support/orders.js';
import type { Bench } from './support/bench.js';
import { listenToEvents } from './support/event-times.js';
import { cpuOf, memoryOf, quiet, startFleet, type RunningFleet } from './support/running-fleet.js';
import { median, type Row } from './support/table.js';

const CLIENTS = 32;
const WARM_UP = 100;
const ORDERS = 1_000;
const ROUNDS = 3;
const IDLE_MS = 10_000;
const checkout = fileURLToPath(new URL('..', import.meta.url));

/** Resources that an order uses, and that the idle fleet uses. */
interface Cost {
  /** Milliseconds of CPU per order, of each process. */
  cpu: Map<string, number>;
  acceptedPerSecond: number;
  shippedPerSecond: number;
  /** Per order; undefined if the version does not count it. */
  counts: { publishes: number; deliveries: number; commits: number | undefined; syncs: number | undefined };
  /** Percent of one core. */
  idleCpu: number;
  /** MiB of each process while idle. */
  memory: Map<string, number>;
}

/** The whole fleet with its RabbitMQ on this machine: 32 clients place orders, until all are shipped. Alternates with
 *  the version in FLOTILLA_BASELINE, the folder of another checkout, if it is set. */
export const order: Bench = async ({ folder }) => {
  const baseline = process.env.FLOTILLA_BASELINE;
  const costs = { ours: [] as Cost[], small: [] as Cost[], before: [] as Cost[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const measured = (name: string, from: string, args: readonly string[] = []) =>
      measure(from, `${folder}/${name}-${round}`, args);
    if (baseline !== undefined) costs.before.push(await measured('before', baseline));
    costs.ours.push(await measured('ours', checkout));
    costs.small.push(await measured('small', checkout, ['--processes', '2']));
  }
  const before = costs.before.length > 0 ? costs.before : undefined;
  for (const [name, list] of Object.entries(costs)) if (list.length > 0) printDetails(name, list);
  return [
    ...rowsOf('one process per worker', costs.ours, before),
    ...rowsOf('`up --processes 2`', costs.small, before),
  ];
};

async function measure(from: string, folder: string, args: readonly string[]): Promise<Cost> {
  await mkdir(folder, { recursive: true });
  const fleet = await startFleet(from, folder, args);
  try {
    const api = { url: fleet.api };
    const body = await orderOfNewUser(api);
    await post(`${api.url}/inventory/item_1/adjustments`, JSON.stringify({ quantity: 100_000, reason: 'bench' }));
    await placeAndShip(fleet, body, WARM_UP);
    await quiet(fleet);
    const idle = await usedDuring(fleet, () => sleep(IDLE_MS));
    const memory = new Map<string, number>();
    for (const [name, pid] of fleet.processes) if (name !== 'RabbitMQ') memory.set(name, await memoryOf(pid));

    const before = await countersOf(fleet);
    let seconds = { accepted: 0, shipped: 0 };
    const busy = await usedDuring(fleet, async () => {
      seconds = await placeAndShip(fleet, body, ORDERS);
      await quiet(fleet);
    });
    await sleep(6_000); // the broker updates its statistics every five seconds
    const after = await countersOf(fleet);
    const perOrder = (name: 'published' | 'delivered') => (after[name] - before[name]) / ORDERS;
    const ifCounted = (first = 0, last?: number) => (last === undefined ? undefined : (last - first) / ORDERS);
    return {
      cpu: new Map([...busy].map(([name, used]) => [name, used / ORDERS])),
      acceptedPerSecond: ORDERS / seconds.accepted,
      shippedPerSecond: ORDERS / seconds.shipped,
      counts: {
        publishes: perOrder('published'),
        deliveries: perOrder('delivered'),
        commits: ifCounted(before.commits, after.commits),
        syncs: ifCounted(before.syncs, after.syncs),
      },
      idleCpu: (sum([...idle].filter(([name]) => name !== 'RabbitMQ').map(([, used]) => used)) / IDLE_MS) * 100,
      memory,
    };
  } finally {
    await fleet.stop();
  }
}

/** Places orders and waits until all are shipped. Returns the seconds until the last one was accepted, and until it was
 *  shipped. */
async function placeAndShip(fleet: RunningFleet, body: string, orders: number) {
  const events = await listenToEvents(fleet.amqpUrl, 'events');
  try {
    const began = performance.now();
    const shipped = events.count('shipment.created', orders);
    const accepted = await placeOrders({ url: fleet.api }, body, orders, CLIENTS);
    await shipped;
    return { accepted, shipped: (performance.now() - began) / 1000 };
  } finally {
    await events.close();
  }
}

async function usedDuring(fleet: RunningFleet, work: () => Promise<unknown>): Promise<Map<string, number>> {
  const read = async () => {
    const times = new Map<string, number>();
    for (const [name, pid] of fleet.processes) times.set(name, await cpuOf(pid));
    return times;
  };
  const before = await read();
  await work();
  const after = await read();
  return new Map([...after].map(([name, time]) => [name, time - (before.get(name) ?? 0)]));
}

async function countersOf(fleet: RunningFleet) {
  return {
    ...(await fleet.messages()),
    commits: await fleet.metric('flotilla_store_commits_total'),
    syncs: await fleet.metric('flotilla_store_syncs_total'),
  };
}

function rowsOf(name: string, ours: readonly Cost[], before: readonly Cost[] | undefined): Row[] {
  const [cost, reference] = [mediansOf(ours), before && mediansOf(before)];
  const compared = (value: (medians: ReturnType<typeof mediansOf>) => number, unit: string, digits = 0) => ({
    ours: `${value(cost).toFixed(digits)} ${unit}`,
    bare: reference === undefined ? '' : `baseline ${value(reference).toFixed(digits)} ${unit}`,
    ...(reference !== undefined && { ratio: value(cost) / value(reference) }),
  });
  const bounded = reference !== undefined;
  const previously = (value: (medians: ReturnType<typeof mediansOf>) => number, unit: string) =>
    reference === undefined ? '' : `; baseline ${value(reference).toFixed(1)} ${unit}`;
  return [
    { name: `CPU of an order, ${name}`, ...compared(({ cpu }) => cpu, 'ms', 1), ...(bounded && { atMost: 1 / 3 }) },
    {
      name: `orders shipped, ${CLIENTS} clients, ${name}`,
      ...compared((c) => c.shipped, '/s'),
      ...(bounded && { target: 3 }),
    },
    { name: `orders accepted meanwhile, ${name}`, ...compared(({ accepted }) => accepted, '/s') },
    {
      name: `idle fleet without RabbitMQ, ${name}`,
      ours: `${cost.idleCpu.toFixed(1)} % of a core`,
      bare: `3 %${previously(({ idleCpu }) => idleCpu, '%')}`,
      ratio: cost.idleCpu / 3,
      atMost: 1,
    },
    {
      name: `largest process of the idle fleet, ${name}`,
      ours: `${cost.largest.toFixed(0)} MiB, all ${cost.memory.toFixed(0)} MiB`,
      bare: `90 MiB${previously(({ largest }) => largest, 'MiB')}`,
      ratio: cost.largest / 90,
      atMost: 1,
    },
  ];
}

function mediansOf(costs: readonly Cost[]) {
  const of = (value: (cost: Cost) => number) => median(costs.map(value));
  return {
    cpu: of(({ cpu }) => sum([...cpu.values()])),
    accepted: of(({ acceptedPerSecond }) => acceptedPerSecond),
    shipped: of(({ shippedPerSecond }) => shippedPerSecond),
    idleCpu: of(({ idleCpu }) => idleCpu),
    largest: of(({ memory }) => Math.max(...memory.values())),
    memory: of(({ memory }) => sum([...memory.values()])),
  };
}

/** Prints the figures of each process, and the counts. */
function printDetails(name: string, costs: readonly Cost[]): void {
  const processes = [...(costs[0]?.cpu.keys() ?? [])];
  const each = processes
    .map((process) => [process, median(costs.map(({ cpu }) => cpu.get(process) ?? 0))] as const)
    .sort(([, a], [, b]) => b - a)
    .map(([process, cpu]) => `${process} ${cpu.toFixed(1)}`);
  console.log(`  ${name}: CPU per order in ms: ${each.join(', ')}`);
  const counts = (['publishes', 'deliveries', 'commits', 'syncs'] as const).flatMap((what) => {
    const known = costs.flatMap(({ counts: { [what]: value } }) => value ?? []);
    return known.length === 0 ? [] : [`${median(known).toFixed(1)} ${what}`];
  });
  console.log(`  ${name}: per order: ${counts.join(', ')}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
