import { spec } from 'flotilla/testing';
import { order, type OrderCommand } from '../../../platform/orders/order.js';
import type { DerivedStatus } from '../../../platform/orders/status/derive-status.js';
import type { OrderStatus } from '../../../platform/orders/status/status.js';
import { details, orderId } from '../support/events.js';

const { total: _total, ...withoutTotal } = details;
const create = { type: 'create', orderId, details: withoutTotal } as const satisfies OrderCommand;
const set = (derived: Partial<DerivedStatus>): OrderCommand => ({
  type: 'set_status',
  progress: 'pending',
  open: [],
  ...derived,
});
const created = { type: 'order.created', data: { orderId, ...details } } as const;
const cancelled = (reason?: string) => ({ type: 'order.cancelled', data: { orderId, userId: 'u1', reason } }) as const;
const changed = (previous: OrderStatus, status: OrderStatus, more: { reason?: string; trackingNumber?: string } = {}) =>
  ({ type: 'order.status_changed', data: { orderId, userId: 'u1', status, previous, ...more } }) as const;
const dead = { type: 'payment.process', code: 'http.refused', discarded: false };

describe('platform: decisions of an order', () => {
  it('is placed once, for the total of its items', () => {
    spec(order).when(create).then(created);
    spec(order).given(created).when(create).rejects('order.exists');
    const items = [{ sku: 'item_1', quantity: 10_000, unitPrice: 1_000_000_000 }];
    spec(order)
      .when({ ...create, details: { ...withoutTotal, items } })
      .rejects('order.total_too_large');
  });

  it('advances its status, records each status once, and never moves back', () => {
    const paid = [created, changed('pending', 'reserved'), changed('reserved', 'paid')];
    spec(order)
      .given(created)
      .when(set({ progress: 'reserved' }))
      .then(changed('pending', 'reserved'));
    spec(order)
      .given(...paid)
      .when(set({ progress: 'paid' }))
      .nothing();
    spec(order)
      .given(...paid)
      .when(set({ progress: 'reserved' }))
      .nothing();
    spec(order)
      .given(...paid)
      .when(set({ progress: 'shipped', trackingNumber: 'T1' }))
      .then(changed('paid', 'shipped', { trackingNumber: 'T1' }));
    spec(order)
      .when(set({ progress: 'paid' }))
      .nothing();
  });

  it('restores its cancellation reason after it was stuck, although the reported progress is behind', () => {
    const stuck = changed('cancelled', 'stuck', { reason: 'payment.refund failed: http.refused' });
    spec(order)
      .given(created, cancelled('too late'), changed('pending', 'cancelled', { reason: 'too late' }), stuck)
      .when(set({ progress: 'rejected', reason: 'too few' }))
      .then(changed('stuck', 'cancelled', { reason: 'too late' }));
  });

  it('is stuck while one of its commands is dead-lettered, and continues from its previous status', () => {
    const stuck = changed('reserved', 'stuck', { reason: 'payment.process failed: http.refused' });
    const reserved = [created, changed('pending', 'reserved')];
    spec(order)
      .given(...reserved)
      .when(set({ progress: 'reserved', open: [dead] }))
      .then(stuck);
    spec(order)
      .given(...reserved, stuck)
      .when(set({ progress: 'reserved' }))
      .then(changed('stuck', 'reserved'));
    spec(order)
      .given(...reserved, stuck)
      .when(set({ progress: 'paid' }))
      .then(changed('stuck', 'paid'));
  });

  it('records who fulfils it in its cancellation, too', () => {
    const fulfilment = 'orchestrated';
    spec(order)
      .given({ ...created, data: { ...created.data, fulfilment } })
      .when({ type: 'cancel' })
      .then(
        { type: 'order.cancelled', data: { orderId, userId: 'u1', reason: undefined, fulfilment } },
        changed('pending', 'cancelled'),
      );
  });

  it('can be cancelled once, until it has ended otherwise', () => {
    const reason = 'changed my mind';
    const end = [created, cancelled(reason), changed('pending', 'cancelled', { reason })];
    spec(order)
      .given(created)
      .when({ type: 'cancel', reason })
      .then(cancelled(reason), changed('pending', 'cancelled', { reason }));
    spec(order)
      .given(...end)
      .when({ type: 'cancel' })
      .nothing();
    spec(order)
      .given(created, changed('pending', 'rejected'))
      .when({ type: 'cancel' })
      .rejects('order.not_cancellable');
    spec(order).when({ type: 'cancel' }).rejects('order.not_found');
  });
});
