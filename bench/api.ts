import type { Bench } from './support/bench.js';
import { orderOfNewUser, placeOrders } from './support/orders.js';
import { footprintOf, startProgram } from './support/processes.js';
import { inTurns, type Speed } from './support/rounds.js';
import { rate } from './support/table.js';

const ORDERS = 10_000;
const WARM_UP = 3_000;
const CONNECTIONS = 64;
const ROUNDS = 3;

/** POST /orders with durable replies, compared with the same API on a store that commits each request separately. */
export const api: Bench = async ({ folder }) => {
  let round = 0;
  const measure = async (maxGroup: number): Promise<Speed> => {
    const file = `${folder}/core-${round++}.db`;
    const process = await startProgram('bench/fixtures/api-process.ts', [file, String(maxGroup)]);
    try {
      const order = await orderOfNewUser(process);
      await placeOrders(process, order, WARM_UP, CONNECTIONS);
      const before = await footprintOf(process);
      const seconds = await placeOrders(process, order, ORDERS, CONNECTIONS);
      const after = await footprintOf(process);
      return { perSecond: ORDERS / seconds, cpu: ((after.cpu - before.cpu) / ORDERS) * 1e6 };
    } finally {
      await process.stop();
    }
  };
  const medians = await inTurns(ROUNDS, { ours: () => measure(500), bare: () => measure(1) });
  return [
    {
      name: `POST /orders, durable, ${CONNECTIONS} connections`,
      ours: rate(medians.ours),
      bare: `one commit per request ${rate(medians.bare)}`,
      ratio: medians.ours.perSecond / medians.bare.perSecond,
      target: 3,
    },
  ];
};
