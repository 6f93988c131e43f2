import { PermanentError } from 'flotilla';
import { decider, type Data } from '../catalogue.js';
import { MAX_AMOUNT, type OrderLine } from '../fields.js';
import type { OrderDetails } from './events.js';
import type { DerivedStatus } from './status/derive-status.js';
import { advance, isFinal, type OrderStatus, type Progress } from './status/status.js';
import { stuckReason } from './status/stuck.js';

export interface OrderState {
  orderId: string;
  /** Undefined if the order does not exist. */
  details: OrderDetails | undefined;
  /** The furthest progress, independent of the visible status. */
  reached: Progress;
  /** The details of that progress. */
  detail: Detail;
  status: OrderStatus;
  /** Why it is stuck, if it is. */
  stuckBecause?: string;
}

type Detail = Pick<Data<'order.status_changed'>, 'reason' | 'trackingNumber' | 'estimatedDelivery'>;

export type OrderCommand =
  | { type: 'create'; orderId: string; details: Omit<OrderDetails, 'total'> }
  | ({ type: 'set_status' } & DerivedStatus)
  | { type: 'cancel'; reason?: string };

type OrderEvent = {
  [T in 'order.created' | 'order.status_changed' | 'order.cancelled']: { type: T; data: Data<T> };
}['order.created' | 'order.status_changed' | 'order.cancelled'];

/** An order. Its progress never decreases; `stuck` overrides it in the status and can be lifted. */
export const order = decider(
  'order.created',
  'order.status_changed',
  'order.cancelled',
)<OrderState, OrderCommand>({
  aggregate: 'order',
  initial: { orderId: '', details: undefined, reached: 'pending', detail: {}, status: 'pending' },
  decide: (command, state) => {
    switch (command.type) {
      case 'create':
        return create(command, state);
      case 'set_status':
        return setStatus(command, state);
      case 'cancel':
        return cancel(command.reason, state);
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'order.created': {
        const { orderId, ...details } = event.data;
        return { ...state, orderId, details };
      }
      case 'order.status_changed':
        return changed(state, event.data);
      case 'order.cancelled':
        return state;
    }
  },
});

/** The total price of the items. Throws `order.total_too_large`. */
export function totalOf(items: readonly OrderLine[]): number {
  const total = items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
  if (total <= MAX_AMOUNT) return total;
  throw new PermanentError('order.total_too_large', `The total of ${total} is larger than ${MAX_AMOUNT}.`);
}

function create({ orderId, details }: Extract<OrderCommand, { type: 'create' }>, state: OrderState): OrderEvent[] {
  if (state.details !== undefined) throw new PermanentError('order.exists', `The order ${orderId} already exists.`);
  return [{ type: 'order.created', data: { orderId, ...details, total: totalOf(details.items) } }];
}

/** Records new progress first, then `stuck`. Facts about an unknown order are ignored. */
function setStatus(derived: DerivedStatus, state: OrderState): OrderEvent[] {
  const { orderId, details, reached } = state;
  if (details === undefined) return [];
  const events: OrderEvent[] = [];
  let shown = state.status;
  const show = (status: OrderStatus, detail: Detail) => {
    if (status === shown) return;
    const data = { orderId, userId: details.userId, status, previous: shown, ...detail };
    events.push({ type: 'order.status_changed', data });
    shown = status;
  };
  const now = advance(reached, derived.progress);
  const stuck = stuckReason(now, derived, details.fulfilment);
  if (now !== reached || stuck === undefined) show(now, now === reached ? state.detail : detailOf(derived));
  if (stuck !== undefined) show('stuck', { reason: stuck });
  return events;
}

function cancel(reason: string | undefined, { orderId, details, reached, status }: OrderState): OrderEvent[] {
  if (details === undefined) throw new PermanentError('order.not_found', 'There is no such order.');
  if (reached === 'cancelled') return [];
  if (isFinal(reached)) {
    throw new PermanentError('order.not_cancellable', `An order that is ${reached} cannot be cancelled any more.`);
  }
  const { userId, fulfilment } = details;
  return [
    { type: 'order.cancelled', data: { orderId, userId, reason, fulfilment } },
    { type: 'order.status_changed', data: { orderId, userId, status: 'cancelled', previous: status, reason } },
  ];
}

function changed(state: OrderState, data: Data<'order.status_changed'>): OrderState {
  const { status } = data;
  if (status === 'stuck') return { ...state, status, stuckBecause: data.reason };
  return { ...state, reached: status, detail: detailOf(data), status, stuckBecause: undefined };
}

function detailOf({ reason, trackingNumber, estimatedDelivery }: Detail): Detail {
  return { reason, trackingNumber, estimatedDelivery };
}
