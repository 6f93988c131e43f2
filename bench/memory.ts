import type { Bench } from './support/bench.js';
import { fleetEnvironment } from './support/fleet.js';
import { orderOfNewUser, placeOrders } from './support/orders.js';
import { footprintOf, startFlotilla } from './support/processes.js';

const STEP = 10_000;
const STEPS = 10;
const CONNECTIONS = 64;
/** Limit of the resident memory at the end, relative to that after the first step. */
const FLAT = 1.25;

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Memory of the API process over 100,000 orders while its relay publishes them. */
export const memory: Bench = async (context) => {
  // the only worker handles no event of a new order, so the broker stores no message
  const env = { ...fleetEnvironment(context), WORKERS: 'shipping', UNROUTED_MAX: '1' };
  const process = await startFlotilla(['api'], env);
  const rss: number[] = [];
  let seconds = 0;
  let cpu = 0;
  try {
    const order = await orderOfNewUser(process);
    for (let step = 0; step < STEPS; step++) {
      const took = await placeOrders(process, order, STEP, CONNECTIONS);
      const footprint = await footprintOf(process);
      rss.push(footprint.rss);
      if (step > 0) seconds += took;
      else cpu -= footprint.cpu;
      if (step === STEPS - 1) cpu += footprint.cpu;
    }
  } finally {
    await process.stop();
  }
  console.log(`  RSS after every ${STEP} orders: ${rss.map(megabytes).join(', ')}`);
  const [first = 0] = rss;
  const last = rss.at(-1) ?? 0;
  const measured = STEP * (STEPS - 1);
  return [
    {
      name: `API process over ${(STEP * STEPS).toLocaleString('en-US')} orders with relay: RSS`,
      ours: `${megabytes(last)} at the end`,
      bare: `${megabytes(first)} after ${STEP.toLocaleString('en-US')}`,
      ratio: last / first,
      atMost: FLAT,
    },
    {
      name: `POST /orders, durable, with the relay publishing`,
      ours: `${Math.round(measured / seconds).toLocaleString('en-US')}/s (${((cpu / measured) * 1e6).toFixed(0)} µs CPU)`,
      bare: '',
    },
  ];
};
