import { deriveStatus, type OrderFact, type OutcomeFact } from '../../../platform/orders/status/derive-status.js';
import { order, type OrderCommand, type OrderState } from '../../../platform/orders/order.js';
import { isFinal, type OrderStatus } from '../../../platform/orders/status/status.js';

const item = { sku: 'item_1', quantity: 2, unitPrice: 500 };
export const details = {
  userId: 'u1',
  currency: 'USD',
  items: [item],
  payment: { token: 'tok_ok' },
  shippingAddress: { name: 'Ada', line1: '1 Row', city: 'Town', postalCode: '1', country: 'GB' },
};

export const outcome = (command: string, type: OutcomeFact['outcome'], reason?: string): OrderFact => ({
  kind: 'outcome',
  outcome: type,
  command,
  reason,
});

export const placed = run({ type: 'create', orderId: 'o1', details }, order.initial).state;
export const orchestrated = run(
  { type: 'create', orderId: 'o1', details: { ...details, fulfilment: 'orchestrated' } },
  order.initial,
).state;

export function run(command: OrderCommand, state: OrderState): { state: OrderState; shown: OrderStatus[] } {
  const events = order.decide(command, state);
  return {
    state: events.reduce((next, event) => order.evolve(next, event), state),
    shown: events.flatMap((event) => (event.type === 'order.status_changed' ? [event.data.status] : [])),
  };
}

/** Records facts in the order aggregate one after another. */
export function recordFacts(
  facts: readonly OrderFact[],
  cancelAt = -1,
  from = placed,
): { state: OrderState; shown: OrderStatus[]; cancelled: boolean } {
  let state = from;
  let cancelled = false;
  const shown: OrderStatus[] = [];
  const known: OrderFact[] = [];
  const apply = (command: OrderCommand) => {
    const result = run(command, state);
    state = result.state;
    shown.push(...result.shown);
  };
  const add = (fact: OrderFact) => {
    known.push(fact);
    apply({ type: 'set_status', ...deriveStatus(known) });
  };
  facts.forEach((fact, index) => {
    if (index === cancelAt && !isFinal(state.reached)) {
      cancelled = true;
      apply({ type: 'cancel' });
    }
    add(fact);
  });
  if (cancelled) add({ kind: 'cancelled' });
  return { state, shown, cancelled };
}
