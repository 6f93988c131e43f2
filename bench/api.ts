import type { Bench } from './support/bench.js';
import { orderOfNewUser, placeOrders } from './support/orders.js';
import { footprintOf, startProgram } from './support/processes.js';
import { measureAlternately, type Speed } from './support/rounds.js';
import { rate } from './support/table.js';

const ORDERS = 10_000;
const WARM_UP = 3_000;
const CONNECTIONS = 64;
const ROUNDS = 3;

/** POST /orders with durable replies, compared with the same API on a store that commits each request separately, and
 *  with a bare Express route that parses the same body. */
export const api: Bench = async ({ folder }) => {
  let round = 0;
  const measure = async (program: string, args: readonly string[]): Promise<Speed> => {
    const process = await startProgram(program, args);
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
  const ours = (maxGroup: number) => () =>
    measure('bench/fixtures/api-process.ts', [`${folder}/core-${round++}.db`, String(maxGroup)]);
  const medians = await measureAlternately(ROUNDS, {
    ours: ours(500),
    alone: ours(1),
    express: () => measure('bench/fixtures/express-process.ts', []),
  });
  return [
    {
      name: `POST /orders, durable, ${CONNECTIONS} connections`,
      ours: rate(medians.ours),
      bare: `one commit per request ${rate(medians.alone)}`,
      ratio: medians.ours.perSecond / medians.alone.perSecond,
      target: 3,
    },
    {
      name: 'the same, compared with a route that stores nothing',
      ours: rate(medians.ours),
      bare: `Express with its JSON parser ${rate(medians.express)}`,
      ratio: medians.ours.perSecond / medians.express.perSecond,
      target: 0.6,
    },
  ];
};
