import { expect } from 'chai';
import { handleCommand, rehydrate } from 'flotilla';
import { explore, simulation, type Run } from 'flotilla/testing';
import { platform } from '../../src/platform/catalogue.js';
import { order } from '../../src/platform/orders/order.js';
import { isFinal } from '../../src/platform/orders/status.js';
import inventory from '../../workers/inventory/index.js';
import choreography from '../../workers/order-choreography/index.js';
import orders from '../../workers/orders/index.js';
import payment from '../../workers/payment/index.js';
import shipping from '../../workers/shipping/index.js';
import { details } from '../platform/events.js';
import { outsideWorld } from './outside-world.js';

interface Placed {
  sku: string;
  quantity: number;
  unitPrice: number;
  token: string;
  postalCode: string;
  /** Milliseconds from the beginning. */
  at: number;
  /** Milliseconds from there to a cancellation; null where there is none. */
  cancelled: number | null;
}

const initial: Readonly<Record<string, number>> = { item_1: 100, item_2: 50, item_3: 75 };
const orderIds = (placed: readonly Placed[]) => placed.map((each, index) => [`o${index}`, each] as const);

function tell(run: Run, orderId: string, command: Parameters<typeof order.decide>[0]): Promise<unknown> {
  return run
    .store('core')
    .transaction((tx) =>
      handleCommand(tx, platform.definitions, order, orderId, command, (subject) =>
        run.context({ source: 'core', subject }),
      ),
    );
}

const fulfilment = simulation({
  workers: [orders, inventory, payment, shipping, choreography],
  replicas: { payment: 2 },
  setup: outsideWorld,
  inputs: (fc) =>
    fc.array(
      fc.record({
        sku: fc.constantFrom('item_1', 'item_3', 'item_9'),
        quantity: fc.integer({ min: 1, max: 60 }),
        unitPrice: fc.constantFrom(100, 999, 0),
        token: fc.constantFrom('tok_ok', 'tok_ok', 'tok_declined'),
        postalCode: fc.constantFrom('1', '1', '00000'),
        at: fc.nat(2_000),
        cancelled: fc.option(fc.nat(4_000)),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  scenario(run, _world, placed) {
    for (const [orderId, { sku, quantity, unitPrice, token, postalCode, at, cancelled }] of orderIds(placed)) {
      run.at(at, () =>
        tell(run, orderId, {
          type: 'create',
          orderId,
          details: {
            ...details,
            items: [{ sku, quantity, unitPrice }],
            payment: { token },
            shippingAddress: { ...details.shippingAddress, postalCode },
          },
        }),
      );
      if (cancelled === null) continue;
      run.at(at + 1 + cancelled, () =>
        tell(run, orderId, { type: 'cancel' }).catch((error: unknown) => {
          expect(error).to.have.property('code', 'order.not_cancellable');
        }),
      );
    }
  },
  async check(run, { charges, refunds, bookings }, placed) {
    const left = new Map(Object.entries(initial));
    for (const [orderId, { sku, quantity, unitPrice }] of orderIds(placed)) {
      const stream = await run.store('core').read(`order/${orderId}`);
      const { state } = rehydrate(platform.definitions, order, stream);
      const shipped = state.status === 'shipped';
      expect(isFinal(state.reached), `${orderId} is ${state.reached}`).to.equal(true);
      expect(state.status).to.equal(state.reached);
      if (shipped) left.set(sku, (left.get(sku) ?? 0) - quantity);
      const ofOrder = (entry: { orderId: string }) => entry.orderId === orderId;
      const charged = [...charges.values()].filter(ofOrder);
      const kept = sum(charged) - sum([...refunds.values()].filter(ofOrder));
      expect(charged.length, `charges of ${orderId}`).to.be.at.most(1);
      expect(kept, `kept of ${orderId}, ${state.status}`).to.equal(shipped ? quantity * unitPrice : 0);
      const onTheWay = [...bookings.values()].filter((booking) => ofOrder(booking) && !booking.cancelled);
      expect(onTheWay.length, `parcels of ${orderId}, ${state.status}`).to.equal(shipped ? 1 : 0);
    }
    const stock = await run.store('inventory').query`select sku, on_hand, reserved from stock order by sku`;
    expect(stock).to.deep.equal([...left].map(([sku, onHand]) => ({ sku, on_hand: onHand, reserved: 0 })));
    expect(run.deadLetters).to.deep.equal([]);
  },
});

const sum = (entries: readonly { amount: number }[]) => entries.reduce((total, { amount }) => total + amount, 0);

describe('platform: fulfilment by choreography, simulated', () => {
  it('adds up whatever crashes, comes late or twice, or is not answered, whenever orders are placed and cancelled', async function () {
    this.timeout(120_000);
    const explored = await explore(fulfilment, { runs: 200, kinds: ['duplicate', 'delay', 'crash', 'call'] });
    expect(explored.faults).to.be.greaterThan(100);
  });
});
