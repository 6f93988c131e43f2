import { defineWorker, type Context } from '#platform/catalogue.js';
import { order } from '#platform/orders/order.js';
import { deriveStatus } from '#platform/orders/status/derive-status.js';
import { factOf, migrations, recordFact, type ObservedEvent } from './event-facts.js';

type OrderEvent = (typeof order.events)[number];

/** Derives the status of orders. Facts from the services and from the saga of an order arrive in any order: each fact
 *  is recorded, and the status is derived from all of them. */
export default defineWorker({
  name: 'orders',
  store: 'core',
  migrations,
  aggregates: [{ ...order, emits: ['order.status_changed'] }],
  on: {
    'inventory.reserved': recordEvent,
    'inventory.rejected': recordEvent,
    'inventory.released': recordEvent,
    'payment.processed': recordEvent,
    'payment.failed': recordEvent,
    'payment.refunded': recordEvent,
    'shipment.created': recordEvent,
    'shipment.failed': recordEvent,
    'shipment.cancelled': recordEvent,
    'order.cancelled': recordEvent,
    'saga.compensating': recordEvent,
    'saga.completed': recordEvent,
    'saga.compensated': recordEvent,
    'saga.failed': recordEvent,
    'saga.resumed': recordEvent,
    'message.dead_lettered': recordEvent,
    'message.replayed': recordEvent,
    'message.discarded': recordEvent,
  },
});

function recordEvent(event: ObservedEvent, ctx: Context<never, OrderEvent>): void {
  const noted = factOf(event);
  if (noted === undefined) return;
  const { orderId, fact } = noted;
  ctx.write(async (tx) => {
    const facts = await recordFact(tx.sql, orderId, fact);
    await tx.execute(order, orderId, { type: 'set_status', ...deriveStatus(facts) });
  });
}
