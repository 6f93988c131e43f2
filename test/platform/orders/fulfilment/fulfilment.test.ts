import { expect } from 'chai';
import { setImmediate } from 'node:timers/promises';
import { newId, originContext } from 'flotilla';
import { platform } from '../../../../platform/catalogue.js';
import { order } from '../../../../platform/orders/order.js';
import { isFinal } from '../../../../platform/orders/status/status.js';
import analytics from '../../../../workers/analytics/index.js';
import inventory from '../../../../workers/inventory/index.js';
import choreography from '../../../../workers/order-choreography/index.js';
import orders from '../../../../workers/orders/index.js';
import type { Charged, Gateway } from '../../../../workers/payment/gateway.js';
import payment from '../../../../workers/payment/index.js';
import type { Booked, Carrier } from '../../../../workers/shipping/carrier.js';
import shipping from '../../../../workers/shipping/index.js';
import views from '../../../../platform/read-models/views.js';
import { generator } from '../../../../src/testing/simulation/seeded.js';
import { details } from '../../support/events.js';
import { simulatedFleet, type SimulatedFleet } from '../../support/simulated-fleet.js';
import { seed } from '../../../support/seed.js';

const ORDERS = 40;
const initial: Readonly<Record<string, number>> = { item_1: 100, item_2: 50, item_3: 75 };

const estimatedDelivery = '2030-01-01';
const bookedOf = ({ trackingNumber }: Booked): Booked => ({ trackingNumber, estimatedDelivery });

/** Simulated external services: idempotent by key, with delayed responses. */
function outside(random: () => number) {
  const charges = new Map<string, Charged & { orderId: string }>();
  const refunds = new Map<string, { orderId: string; amount: number }>();
  const closed = new Set<string>();
  const bookings = new Map<string, Booked & { orderId: string; cancelled: boolean }>();
  const closedBookings = new Set<string>();
  const someTime = async () => {
    const longest = random() < 0.3 ? 600 : 40;
    for (let turns = Math.floor(random() * longest); turns > 0; turns--) await setImmediate();
  };
  const gateway: Gateway = {
    charge: async ({ orderId, amount, currency, token }, { key }) => {
      await someTime();
      if (token === 'tok_declined' || closed.has(key)) return { refused: 'card_declined' };
      const charge = charges.get(key) ?? { id: `ch_${charges.size}`, orderId, amount, currency };
      charges.set(key, charge);
      await someTime();
      return charge;
    },
    cancel: async ({ key }) => {
      await someTime();
      const charge = charges.get(key);
      if (charge === undefined) closed.add(key);
      await someTime();
      return charge;
    },
    refund: async ({ orderId, amount }, { key }) => {
      await someTime();
      refunds.set(key, { orderId, amount });
      await someTime();
    },
  };
  const carrier: Carrier = {
    book: async ({ orderId, address }, { key }) => {
      await someTime();
      if (address.postalCode === '00000' || closedBookings.has(key)) return { refused: 'undeliverable' };
      const trackingNumber = `T${bookings.size}`;
      const booking = bookings.get(key) ?? { orderId, trackingNumber, estimatedDelivery, cancelled: false };
      bookings.set(key, booking);
      await someTime();
      return bookedOf(booking);
    },
    close: async ({ key }) => {
      await someTime();
      const booking = bookings.get(key);
      if (booking === undefined) closedBookings.add(key);
      await someTime();
      return booking && bookedOf(booking);
    },
    cancel: async (trackingNumber) => {
      await someTime();
      for (const booking of bookings.values()) if (booking.trackingNumber === trackingNumber) booking.cancelled = true;
    },
  };
  return { charges, refunds, bookings, use: { payment: { gateway }, shipping: { carrier } } };
}

describe('platform: fulfilment by choreography @slow', () => {
  for (const each of [1, seed]) {
    it(`is consistent in any order, with duplicates, cancellations and repeats (TEST_SEED=${each})`, async function () {
      this.timeout(120_000);
      const random = generator(each);
      const world = outside(random);
      const workers = [orders, views, analytics, inventory, payment, shipping, choreography];
      const fleet = await simulatedFleet(workers, { use: world.use, random });
      try {
        const placed = await run(fleet, random);
        await check(fleet, world, placed);
      } finally {
        await fleet.stop();
      }
    });
  }
});

type Placed = Map<string, { sku: string; quantity: number; total: number }>;

/** Places and cancels orders while events are in flight, then processes all events. */
async function run(fleet: SimulatedFleet, random: () => number): Promise<Placed> {
  const placed: Placed = new Map();
  const pick = <T>(...values: [T, ...T[]]): T => values[Math.floor(random() * values.length)] ?? values[0];
  const cancelSome = () =>
    executeOrder(fleet, `o${Math.floor(random() * placed.size)}`, { type: 'cancel' }).catch((error: unknown) => {
      expect(error).to.have.property('code', 'order.not_cancellable');
    });
  while (placed.size < ORDERS) {
    const orderId = `o${placed.size}`;
    const sku = pick('item_1', 'item_1', 'item_2', 'item_3', 'item_3', 'item_9');
    const quantity = 1 + Math.floor(random() * 12);
    const unitPrice = pick(0, 100, 999);
    placed.set(orderId, { sku, quantity, total: quantity * unitPrice });
    await executeOrder(fleet, orderId, {
      type: 'create',
      orderId,
      details: {
        ...details,
        items: [{ sku, quantity, unitPrice }],
        payment: { token: pick('tok_ok', 'tok_ok', 'tok_ok', 'tok_declined') },
        shippingAddress: { ...details.shippingAddress, postalCode: pick('1', '1', '1', '00000') },
      },
    });
    for (let steps = Math.floor(random() * 15); steps > 0; steps--) await fleet.step();
    if (random() < 0.3) await cancelSome();
    if (random() < 0.3) await askAgain(fleet, random);
  }
  while (await fleet.step()) {
    if (random() < 0.1) await cancelSome();
    if (random() < 0.1) await askAgain(fleet, random);
  }
  return placed;
}

/** Appends one of the earlier commands again with a new id. */
async function askAgain(fleet: SimulatedFleet, random: () => number): Promise<void> {
  const store = fleet.store('order-choreography');
  const given = await store.readAll(0, 10_000);
  const again = given[Math.floor(random() * given.length)]?.event;
  if (again !== undefined) await store.append(again.subject, 'any', [{ ...again, id: newId() }]);
}

function executeOrder(fleet: SimulatedFleet, orderId: string, command: Parameters<typeof order.decide>[0]) {
  return fleet.store('core').transaction(async (tx) => {
    await platform.execute(tx, order, orderId, command, {
      origin: (subject) => originContext({ source: 'core', subject }),
    });
  });
}

async function check(fleet: SimulatedFleet, world: ReturnType<typeof outside>, placed: Placed): Promise<void> {
  const left = new Map(Object.entries(initial));
  let completed = 0;
  let revenue = 0;
  const list = await fleet.store('core').query<{ order_id: string; status: string; version: number }>`
    select order_id, status, version from order_summary`;
  for (const [orderId, { sku, quantity, total }] of placed) {
    const { state, version } = platform.rehydrate(order, await fleet.store('core').read(`order/${orderId}`));
    const shipped = state.status === 'shipped';
    expect(isFinal(state.reached), `${orderId} is ${state.reached}`).to.equal(true);
    expect(state.status).to.equal(state.reached);
    if (shipped) {
      left.set(sku, (left.get(sku) ?? 0) - quantity);
      completed += 1;
      revenue += total;
    }
    const charged = [...world.charges.values()].filter((charge) => charge.orderId === orderId);
    const refunded = [...world.refunds.values()].filter((refund) => refund.orderId === orderId);
    expect(charged.length, `charges of ${orderId}`).to.be.at.most(1);
    expect(sum(charged) - sum(refunded), `kept of ${orderId}, ${state.status}`).to.equal(shipped ? total : 0);
    const onTheWay = [...world.bookings.values()].filter(
      (booking) => booking.orderId === orderId && !booking.cancelled,
    );
    expect(onTheWay.length, `parcels of ${orderId}`).to.equal(shipped ? 1 : 0);
    expect(list.find((row) => row.order_id === orderId)).to.include({ status: state.status, version });
  }
  const stock = await fleet.store('inventory').query`select sku, on_hand, reserved, version from stock order by sku`;
  const rows = [...left].map(([sku, onHand]) => ({ sku, on_hand: onHand, reserved: 0 }));
  expect(stock.map(({ version: _version, ...row }) => row)).to.deep.equal(rows);
  const view = await fleet.store('core').query`select sku, on_hand, reserved, version from inventory_view order by sku`;
  expect(view).to.deep.equal(stock);
  expect(await fleet.store('core').query`select name, amount from user_statistics order by name`).to.deep.equal([
    { name: 'completed', amount: completed },
    { name: 'orders', amount: placed.size },
  ]);
  const brought = await fleet.store('core').query<{ amount: number }>`select amount from user_statistics_revenue`;
  expect(sum(brought)).to.equal(revenue);
}

const sum = (entries: readonly { amount: number }[]) => entries.reduce((total, { amount }) => total + amount, 0);
