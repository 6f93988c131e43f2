import type { Fulfilment } from '../../../platform/orders/fulfilment/fulfilment.js';
import { settled, settledForGood, withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import type { PlacedOrder } from '../support/customers.js';
import { PATIENT } from '../support/kill-now-and-then.js';
import { setOutage } from '../support/outages.js';
import { Stores } from '../support/stores.js';
import { eventually } from '../../support/eventually.js';

export interface SwitchOptions extends RunOptions {
  rounds: number;
  /** Orders between two switches. */
  orders: number;
}

/** An order and the fulfilment mode of the API when it was placed. */
interface Taken {
  order: PlacedOrder;
  fulfilment: Fulfilment;
}

/** Switches the fulfilment mode of the API back and forth while orders of both modes wait for their payment; in
 *  every other round, the API is killed for it. Each order keeps its mode until it ends. */
export async function switchFulfilment(options: SwitchOptions): Promise<void> {
  const env = { ...PATIENT, BREAKER_HALF_OPEN_AFTER: '50ms', ...options.env, FULFILMENT: 'choreographed' };
  await withFleet({ ...options, env }, async (run) => {
    const { fleet, customers } = run;
    await fleet.start();
    for (const sku of ['item_1', 'item_2', 'item_3']) await customers.adjust(sku, options.rounds * options.orders * 12);
    await customers.register();
    const taken: Taken[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      const hanging: Taken[] = [];
      await setOutage(fleet, 'gateway', true);
      await takeSome(run, hanging, 'choreographed', options.orders);
      await switchTo(run, 'orchestrated', round);
      await takeSome(run, hanging, 'orchestrated', options.orders);
      await switchTo(run, 'choreographed', round);
      await takeSome(run, hanging, 'choreographed', options.orders);
      await allHang(run, hanging);
      options.say?.(`round ${round + 1}: ${hanging.length} orders hang at their payment, of both kinds`);
      await setOutage(fleet, 'gateway', false);
      await settled(run);
      taken.push(...hanging);
    }
    await settledForGood(run);
    finishedAsBegun(run, taken);
  });
}

/** Places orders, then cancels one of them and one of the waiting ones. */
async function takeSome(run: ChaosRun, hanging: Taken[], fulfilment: Fulfilment, orders: number): Promise<void> {
  const { customers, random } = run;
  const earlier = hanging.filter(({ order }) => !order.cancelAccepted);
  const taken: Taken[] = [];
  for (let n = 0; n < orders; n += 1) {
    const order = await customers.order(random.pick(['tok_ok', 'tok_ok', 'tok_flaky', 'tok_declined']));
    taken.push({ order, fulfilment });
  }
  hanging.push(...taken);
  await allHang(run, taken);
  for (const some of [earlier, taken]) {
    const one = some[random.between(0, some.length - 1)];
    if (one !== undefined) await customers.cancel(one.order);
  }
}

/** Orders that are not cancelled are reserved, and not paid. */
async function allHang({ customers }: ChaosRun, taken: readonly Taken[]): Promise<void> {
  await eventually('orders hang at their payment', async () => {
    const hanging = taken.filter(({ order }) => !order.cancelAccepted);
    const statuses = await Promise.all(hanging.map(({ order }) => customers.statusOf(order.id)));
    return statuses.every((status) => status === 'reserved');
  });
}

async function switchTo({ fleet }: ChaosRun, fulfilment: Fulfilment, round: number): Promise<void> {
  const api = fleet.process('api');
  await (round % 2 === 0 ? api.kill() : api.stop());
  await fleet.start(['api'], { FULFILMENT: fulfilment });
}

/** According to the stores, each order has the mode of the API, and its commands came from the coordinator of that
 *  mode. */
function finishedAsBegun({ fleet }: ChaosRun, taken: readonly Taken[]): void {
  const stores = new Stores(fleet.dataDir);
  try {
    const coordinators: Readonly<Record<Fulfilment, string>> = {
      orchestrated: 'order-saga',
      choreographed: 'order-choreography',
    };
    const kinds = Object.values(coordinators).map((service) => ({ service, events: stores.events(service) }));
    const created = stores.events('core').filter(({ type }) => type === 'order.created');
    for (const { order, fulfilment } of taken) {
      const said = created.find(({ data }) => data.orderId === order.id)?.data.fulfilment;
      if (said !== fulfilment)
        throw new Error(`order ${order.id} was taken as ${fulfilment}, and says ${String(said)}`);
      for (const { service, events } of kinds) {
        const commands = events.filter(
          ({ type, subject }) => subject === `order/${order.id}` && !type.startsWith('saga.'),
        );
        const types = commands.map(({ type }) => type);
        if (service !== coordinators[fulfilment]) {
          if (types.length > 0)
            throw new Error(`${service} requested ${types.join(', ')} of ${fulfilment} ${order.id}`);
        } else if (!types.includes('inventory.reserve') || !types.includes('payment.process')) {
          throw new Error(`${service} requested ${types.join(', ') || 'nothing'} of ${fulfilment} ${order.id}`);
        }
      }
    }
  } finally {
    stores.close();
  }
}
