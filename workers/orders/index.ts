import { defineWorker, type Context } from '#platform/catalogue.js';
import { order } from '#platform/orders/order.js';
import { derive } from '#platform/orders/status/derive-status.js';
import { factOf, migrations, recordFact, type NotedEvent } from './event-facts.js';

type OrderEvent = (typeof order.events)[number];

/** Keeps the status of orders. What the services, and the saga of those that have one, say about an order comes in no order:
 *  each fact is recorded, and the status derived from all that is known. */
export default defineWorker({
  name: 'orders',
  store: 'core',
  migrations,
  aggregates: [order],
  on: {
    'inventory.reserved': note,
    'inventory.rejected': note,
    'inventory.released': note,
    'payment.processed': note,
    'payment.failed': note,
    'payment.refunded': note,
    'shipment.created': note,
    'shipment.failed': note,
    'shipment.cancelled': note,
    'order.cancelled': note,
    'saga.compensating': note,
    'saga.completed': note,
    'saga.compensated': note,
    'saga.failed': note,
    'saga.resumed': note,
    'message.dead_lettered': note,
    'message.replayed': note,
    'message.discarded': note,
  },
});

function note(event: NotedEvent, ctx: Context<never, OrderEvent>): void {
  const noted = factOf(event);
  if (noted === undefined) return;
  const { orderId, fact } = noted;
  ctx.write(async (tx) => {
    const facts = await recordFact(tx.sql, orderId, fact);
    await tx.execute(order, orderId, { type: 'set_status', ...derive(facts) });
  });
}
