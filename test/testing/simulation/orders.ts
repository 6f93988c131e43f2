import { expect } from 'chai';
import { type EventEnvelope } from 'flotilla';
import { simulation, type Run } from 'flotilla/simulation';
import { sagaDecider } from '../../../src/sagas/decision/decide.js';
import { create, platform, type Data, type EventType } from '../../../platform/catalogue.js';
import { orderFulfilment } from '../../../platform/orders/fulfilment/fulfilment-saga.js';
import { order } from '../../../platform/orders/order.js';
import { isFinal } from '../../../platform/orders/status/status.js';
import inventory from '../../../workers/inventory/index.js';
import choreography from '../../../workers/order-choreography/index.js';
import saga from '../../../workers/order-saga/index.js';
import orders from '../../../workers/orders/index.js';
import payment from '../../../workers/payment/index.js';
import shipping from '../../../workers/shipping/index.js';
import { details } from '../../platform/support/events.js';
import { outsideWorld } from './outside-world.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

export type Fulfilment = 'orchestrated' | 'choreographed';

interface Placed {
  fulfilment: Fulfilment;
  sku: string;
  quantity: number;
  unitPrice: number;
  token: string;
  postalCode: string;
  /** Milliseconds from the start. */
  at: number;
  /** Milliseconds from `at` to a cancellation; null for none. */
  cancelled: number | null;
  /** Payment commands edited to use another card, sent this many milliseconds after the order. */
  mended: readonly { token: string; after: number }[];
}

type World = ReturnType<typeof outsideWorld>;

const initial: Readonly<Record<string, number>> = { item_1: 100, item_2: 50, item_3: 75 };
const byId = (placed: readonly Placed[]) => placed.map((each, index) => [`o${index}`, each] as const);
const sum = (entries: readonly { amount: number }[]) => entries.reduce((total, { amount }) => total + amount, 0);

/** Commands and answers of an order's saga may be lost permanently, because the saga retries after a time-out. */
function mayBeLost({ type, data }: EventEnvelope, worker: string): boolean {
  const isCommand = platform.definitions[type as EventType].kind === 'command';
  const isAnswer = worker === 'order-saga' && /^(inventory|payment|shipment)\./.test(type);
  return (isCommand || isAnswer) && JSON.stringify(data).includes('"fulfilment":"orchestrated"');
}

/** Orders of all kinds, placed and cancelled at any time, with checks at the end and an invariant at every moment. */
export function orderSimulation(...ways: readonly [Fulfilment, ...Fulfilment[]]) {
  return simulation({
    workers: [orders, inventory, payment, shipping, choreography, saga],
    replicas: { payment: 2, 'order-saga': 2 },
    mayDrop: mayBeLost,
    setup: outsideWorld,
    inputs: (fc) =>
      fc.array(
        fc.record({
          fulfilment: fc.constantFrom(...ways),
          sku: fc.constantFrom('item_1', 'item_3', 'item_9'),
          quantity: fc.integer({ min: 1, max: 60 }),
          unitPrice: fc.constantFrom(100, 999, 0),
          token: fc.constantFrom('tok_ok', 'tok_ok', 'tok_flaky', 'tok_declined'),
          postalCode: fc.constantFrom('1', '1', '00000'),
          at: fc.nat(2_000),
          cancelled: fc.option(fc.oneof(fc.nat(1_000), fc.nat(5_000_000))),
          mended: fc.array(
            fc.record({
              token: fc.constantFrom('tok_ok', 'tok_other', 'tok_declined'),
              after: fc.oneof(fc.nat(1_000), fc.nat(5_000_000)),
            }),
            { maxLength: 3 },
          ),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    scenario(run, _world, placed) {
      for (const [orderId, each] of byId(placed)) {
        run.at(each.at, () => place(run, orderId, each));
        for (const { token, after } of each.mended) {
          run.at(each.at + 1 + after, () => payAgain(run, orderId, each.fulfilment, token));
        }
        if (each.cancelled !== null) run.at(each.at + 1 + each.cancelled, () => cancel(run, orderId));
      }
    },
    invariant(_run, world, placed) {
      for (const [orderId, each] of byId(placed)) nothingIsShippedUnpaid(world, orderId, each);
    },
    check: addsUp,
  });
}

function executeOrder(run: Run, orderId: string, command: Parameters<typeof order.decide>[0]): Promise<unknown> {
  return run.store('core').transaction((tx) =>
    platform.execute(tx, order, orderId, command, {
      origin: (subject) => run.context({ source: 'core', subject }),
    }),
  );
}

function place(run: Run, orderId: string, placed: Placed): Promise<unknown> {
  const { fulfilment, sku, quantity, unitPrice, token, postalCode } = placed;
  return executeOrder(run, orderId, {
    type: 'create',
    orderId,
    details: {
      ...details,
      fulfilment,
      items: [{ sku, quantity, unitPrice }],
      payment: { token },
      shippingAddress: { ...details.shippingAddress, postalCode },
    },
  });
}

function cancel(run: Run, orderId: string): Promise<unknown> {
  return executeOrder(run, orderId, { type: 'cancel' }).catch((error: unknown) => {
    expect(error).to.have.property('code', 'order.not_cancellable');
  });
}

/** Sends the payment command again for another card, if there was one. */
async function payAgain(run: Run, orderId: string, fulfilment: Fulfilment, token: string): Promise<void> {
  const source = fulfilment === 'orchestrated' ? 'order-saga' : 'order-choreography';
  const subject = `order/${orderId}`;
  const given = await run.store(source).read(subject);
  const command = given.find(({ type }) => type === 'payment.process')?.event.data;
  if (command === undefined) return;
  const { order } = command as Data<'payment.process'>;
  const mended = { orderId, order: { ...order, payment: { token } } };
  await run.store(source).append(subject, 'any', [create('payment.process', mended, run.context({ source, subject }))]);
}

function keptOf({ charges, refunds }: World, orderId: string): number {
  const ofOrder = (entry: { orderId: string }) => entry.orderId === orderId;
  return sum([...charges.values()].filter(ofOrder)) - sum([...refunds.values()].filter(ofOrder));
}

function parcelsOf({ bookings }: World, orderId: string): number {
  return [...bookings.values()].filter((booking) => booking.orderId === orderId && !booking.cancelled).length;
}

function nothingIsShippedUnpaid(world: World, orderId: string, { quantity, unitPrice }: Placed): void {
  if (parcelsOf(world, orderId) === 0) return;
  expect(keptOf(world, orderId), `${orderId} is booked, and so much is paid`).to.equal(quantity * unitPrice);
}

async function addsUp(run: Run, world: World, placed: readonly Placed[]): Promise<void> {
  const left = new Map(Object.entries(initial));
  let failed = 0;
  for (const [orderId, each] of byId(placed)) {
    const stream = await run.store('core').read(`order/${orderId}`);
    const { state } = platform.rehydrate(order, stream);
    const saga = await sagaOf(run, orderId);
    if (each.fulfilment === 'choreographed') expect(saga, `saga of ${orderId}`).to.equal('none');
    else expect(saga, `saga of ${orderId}`).to.be.oneOf(['completed', 'compensated', 'failed']);
    if (saga === 'failed') {
      expect(state.status, `${orderId}, whose saga has failed`).to.equal('stuck');
      failed += 1;
      continue;
    }
    const isShipped = state.status === 'shipped';
    expect(isFinal(state.reached), `${orderId} is ${state.reached}`).to.equal(true);
    expect(state.status).to.equal(state.reached);
    if (each.fulfilment === 'orchestrated') expect(saga === 'completed', `${orderId}: ${saga}`).to.equal(isShipped);
    if (isShipped) left.set(each.sku, (left.get(each.sku) ?? 0) - each.quantity);
    const kept = keptOf(world, orderId);
    expect(kept, `kept of ${orderId}, ${state.status}`).to.equal(isShipped ? each.quantity * each.unitPrice : 0);
    expect(parcelsOf(world, orderId), `parcels of ${orderId}, ${state.status}`).to.equal(isShipped ? 1 : 0);
    const charges = [...world.charges.values()].filter((charge) => charge.orderId === orderId);
    expect(charges.length, `charges of ${orderId}`).to.be.at.most(1);
  }
  expect(run.deadLetters).to.deep.equal([]);
  if (failed > 0) return;
  const stock = await run.store('inventory').query`select sku, on_hand, reserved from stock order by sku`;
  expect(stock).to.deep.equal([...left].map(([sku, onHand]) => ({ sku, on_hand: onHand, reserved: 0 })));
  expect(await run.store('order-saga').nextTimer(), 'a timer is left').to.equal(undefined);
}

async function sagaOf(run: Run, orderId: string): Promise<string> {
  const decider = sagaDecider(sagaDefinitionOf(orderFulfilment));
  const stream = await run.store('order-saga').read(`order-fulfilment/${orderId}`);
  return platform.rehydrate(decider, stream).state.status;
}
