import { join } from 'node:path';
import Database from 'better-sqlite3';
import { namesFor } from '../src/broker/topology/topology.js';
import { eventually } from '../test/support/eventually.js';
import type { Bench } from './support/bench.js';
import { listenToEvents, type EventTimes } from './support/event-times.js';
import { fleetEnvironment } from './support/fleet.js';
import { orderOfNewUser, post } from './support/orders.js';
import { startFlotilla, type BenchProcess } from './support/processes.js';
import { median, percentile } from './support/table.js';

const WORKERS = ['inventory', 'payment', 'shipping', 'orders', 'order-choreography', 'order-saga'];
const WARM_UP = 30;
const ORDERS = 120;
const KILLS = 7;
/** Milliseconds within which another process must publish. */
const TAKEOVER_LIMIT_MS = 500;
/** The messages of an order that is shipped, in order. */
const ORDER_MESSAGES = [
  'order.created',
  'inventory.reserve',
  'inventory.reserved',
  'payment.process',
  'payment.processed',
  'shipment.create',
  'shipment.created',
];

/** Places an order. Resolves with its id and the time of the response. */
type Place = () => Promise<{ id: string; answered: number }>;

/** Latencies of an idle fleet of real processes: from the 201 of an order to its `shipment.created` on the exchange,
 *  one order at a time, with a saga and with choreography; from the kill -9 of a worker, which is restarted
 *  immediately, to its next commit and its next published event; and from the kill -9 of the process that publishes the
 *  events of a store to the next event, which another process publishes. */
export const latency: Bench = async (context) => {
  const env = { ...fleetEnvironment(context), WORKERS: WORKERS.join(',') };
  const running = new Map<string, BenchProcess>();
  const start = async (name: string, args: string[], more: NodeJS.ProcessEnv = {}) => {
    const process = await startFlotilla(args, { ...env, ...more });
    running.set(name, process);
    return process;
  };
  try {
    const { url } = await start('sandbox', ['sandbox']);
    const startWorker = (name: string) => start(name, ['worker', name], { GATEWAY_URL: url, CARRIER_URL: url });
    await Promise.all(WORKERS.map(startWorker));
    const events = await listenToEvents(context.amqpUrl, namesFor(context.prefix).events);
    // after the workers, so that a worker relays the events of the API: the slower case
    const startApi = async (fulfilment: string): Promise<Place> => {
      await running.get('api')?.stop();
      const api = await start('api', ['api'], { FULFILMENT: fulfilment });
      const order = await orderOfNewUser(api);
      await post(`${api.url}/inventory/item_1/adjustments`, JSON.stringify({ quantity: 10_000, reason: 'bench' }));
      return () => placeAt(api, order);
    };
    const choreographed = await untilShipped(await startApi('choreographed'), events);
    let place = await startApi('orchestrated');
    const orchestrated = await untilShipped(place, events);
    const recovered = await recoveries(place, events, {
      kill: async () => running.get('inventory')?.kill(),
      restart: () => startWorker('inventory'),
    });
    const takenOver: number[] = [];
    while (takenOver.length < KILLS) {
      const [name, publisher] = await eventually('a process publishes the events of the platform', () => {
        const pid = publisherOf(join(context.folder, 'core.db'));
        return [...running].find(([, process]) => process.pid === pid);
      });
      if (name === 'api')
        place = await startApi('orchestrated'); // it takes the orders
      else takenOver.push(await takeover(place, events, { kill: publisher.kill, restart: () => startWorker(name) }));
    }
    await events.close();
    return [
      {
        name: 'from the 201 to `shipment.created` on the exchange, idle',
        ours: `saga p50 ${shown(median(orchestrated))}, p99 ${shown(percentile(orchestrated, 0.99))}`,
        bare: `choreography p50 ${shown(median(choreographed))}, p99 ${shown(percentile(choreographed, 0.99))}`,
        ratio: median(orchestrated) / median(choreographed),
      },
      {
        name: 'from kill -9 of a worker, restarted immediately, to its next commit',
        ours: `median ${shown(median(recovered.committed))}`,
        bare: `its event published ${shown(median(recovered.published))}`,
      },
      {
        name: 'from kill -9 of the process that publishes to the next event of a waiting one',
        ours: `median ${shown(median(takenOver))}, longest of ${takenOver.length} ${shown(Math.max(...takenOver))}`,
        bare: `limit ${shown(TAKEOVER_LIMIT_MS)}`,
        ratio: Math.max(...takenOver) / TAKEOVER_LIMIT_MS,
        atMost: 1,
      },
    ];
  } finally {
    await Promise.all([...running.values()].map((process) => process.stop()));
  }
};

async function placeAt(api: BenchProcess, order: string): Promise<{ id: string; answered: number }> {
  const response = await post(`${api.url}/orders`, order);
  const answered = performance.now();
  const { id } = (await response.json()) as { id: string };
  return { id, answered };
}

const shown = (milliseconds: number) => `${milliseconds.toFixed(0)} ms`;

async function untilShipped(place: Place, events: EventTimes): Promise<number[]> {
  const whole: number[] = [];
  const hops = new Map<string, number[]>(ORDER_MESSAGES.map((type) => [type, []]));
  for (let n = 0; n < WARM_UP + ORDERS; n++) {
    const { id, answered } = await place();
    const { at } = await events.seen(id, 'shipment.created');
    if (n < WARM_UP) continue;
    whole.push(at - answered);
    let before = answered;
    for (const [type, times] of hops) {
      const sighting = await events.seen(id, type);
      times.push(sighting.at - before);
      before = sighting.at;
    }
  }
  const each = [...hops].map(([type, times]) => `${type} +${median(times).toFixed(1)}`);
  console.log(`  p50 of each hop in ms: ${each.join(', ')}`);
  return whole;
}

/** Milliseconds from the kill of the inventory process to the commit of the next reservation, and to its event on the
 *  exchange. */
async function recoveries(
  place: Place,
  events: EventTimes,
  { kill, restart }: { kill: () => Promise<unknown>; restart: () => Promise<unknown> },
) {
  const committed: number[] = [];
  const published: number[] = [];
  for (let round = 0; round < KILLS; round++) {
    const time = Date.now();
    const began = performance.now();
    await kill();
    const ready = restart();
    const { id } = await place();
    const { at, made } = await events.seen(id, 'inventory.reserved');
    committed.push(made - time);
    published.push(at - began);
    await Promise.all([ready, events.seen(id, 'shipment.created')]);
  }
  return { committed, published };
}

/** The id of the process that publishes the events of a store: a part of the holder of its lease. */
function publisherOf(path: string): number {
  const db = new Database(path, { readonly: true });
  try {
    const holder = db.prepare("SELECT holder FROM flotilla_leases WHERE name = 'relay'").pluck().get();
    return Number(String(holder).split(':')[1]);
  } finally {
    db.close();
  }
}

/** Milliseconds from the kill of the process that publishes to the next event on the exchange. */
async function takeover(
  place: Place,
  events: EventTimes,
  { kill, restart }: { kill: () => Promise<void>; restart: () => Promise<unknown> },
): Promise<number> {
  const began = performance.now();
  await kill();
  const { id } = await place();
  const { at } = await events.seen(id, 'order.created');
  await restart();
  await events.seen(id, 'shipment.created');
  return at - began;
}
