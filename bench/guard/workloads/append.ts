import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { placedOrders } from './orders.js';
import { mark, type Workload } from './workload.js';

const PARALLEL = 50;

/** Appends single events to new streams, in commits of `PARALLEL`. */
export const append: Workload = async ({ block, blocks }, folder) => {
  const events = placedOrders(block * blocks);
  const store = await openSqliteStore({ service: 'core', path: `${folder}/core.db` });
  for (let from = 0; from < events.length; from += PARALLEL) {
    await Promise.all(events.slice(from, from + PARALLEL).map((event) => store.append(event.subject, 'none', [event])));
    if ((from + PARALLEL) % block === 0) mark();
  }
};
