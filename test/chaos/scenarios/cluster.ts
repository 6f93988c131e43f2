import { ownCluster, type TestCluster } from '../../support/cluster.js';
import { eventually } from '../../support/eventually.js';
import { settled, settledForGood, withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import type { PlacedOrder } from '../support/customers.js';
import { PATIENT } from '../support/kill-now-and-then.js';

export interface ClusterOptions extends Pick<RunOptions, 'prefix' | 'roles' | 'seed' | 'say'> {
  /** The minimum number of orders in total. */
  orders: number;
  /** A running cluster, of which every node runs afterwards. @default one that is removed afterwards */
  cluster?: TestCluster;
  /** The indexes of the nodes to kill. @default each */
  nodes?: readonly number[];
}

/** RabbitMQ 4.3 holds unacknowledged messages of a dead node for a minute. */
const LIMIT = { limit: 180_000, every: 200 };

/** Places orders on a cluster of three RabbitMQ nodes. Kills each of the given nodes in turn with orders in flight, and
 *  restarts it once these and further orders are shipped without it. Each order is charged once, and no process of the
 *  fleet is restarted. */
export async function killNodes({ orders, say, nodes, ...options }: ClusterOptions): Promise<void> {
  const cluster = options.cluster ?? (await ownCluster());
  try {
    const listOf = (url: 'amqpUrl' | 'managementUrl') => cluster.nodes.map((node) => node[url]).join(',');
    const urls = { amqpUrl: listOf('amqpUrl'), managementUrl: listOf('managementUrl') };
    await withFleet({ ...options, ...urls, env: PATIENT, ownBroker: options.cluster === undefined }, async (run) => {
      const { fleet, customers } = run;
      await fleet.start();
      const pids = fleet.roles.map((role) => fleet.process(role).pid);
      for (const sku of ['item_1', 'item_2', 'item_3']) await customers.adjust(sku, orders * 4);
      await customers.register();
      const isShipped = async (id: string) => (await customers.statusOf(id)) === 'shipped';
      const killed = [...cluster.nodes.entries()].filter(([index]) => nodes?.includes(index) ?? true);
      const half = Math.ceil(orders / (2 * killed.length));
      for (const [index, { name }] of killed) {
        const inFlight = place(run, half);
        say?.(`kill -9 ${name}`);
        await cluster.kill(index);
        const placed = [...(await inFlight), ...(await place(run, half))];
        for (const { id } of placed)
          await eventually(`order ${id} is shipped without ${name}`, () => isShipped(id), LIMIT);
        say?.(`${placed.length} orders shipped without ${name}`);
        await cluster.start(index);
      }
      await settled(run, {}, 180_000);
      const statuses = await Promise.all([...customers.promised.orders.keys()].map((id) => customers.statusOf(id)));
      const shipped = statuses.filter((status) => status === 'shipped').length;
      if (shipped !== statuses.length) throw new Error(`${shipped} of ${statuses.length} orders are shipped`);
      if (fleet.roles.some((role, index) => fleet.process(role).pid !== pids[index]))
        throw new Error('a process was restarted');
      await settledForGood(run);
    });
  } finally {
    if (options.cluster === undefined) await cluster.remove();
  }
}

/** Several customers at the same time. */
function place({ customers }: ChaosRun, orders: number): Promise<PlacedOrder[]> {
  return Promise.all(Array.from({ length: orders }, () => customers.order('tok_ok')));
}
