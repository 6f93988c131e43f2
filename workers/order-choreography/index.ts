import { defineWorker, type Context, type Data } from '#platform/catalogue.js';
import { detailsOf } from '#platform/orders/events.js';
import { isOrchestrated } from '#platform/orders/fulfilment/fulfilment.js';

const commands = [
  'inventory.reserve',
  'inventory.release',
  'payment.process',
  'payment.refund',
  'shipment.create',
  'shipment.cancel',
] as const;

type Ctx = Context<(typeof commands)[number]>;

/** Fulfils an order with stateless policies: each event causes the next command and contains the data that it needs.
 *  After a failure, each service compensates its step, or ensures that it is never executed. Ignores orders that a saga
 *  fulfils. */
export default defineWorker({
  name: 'order-choreography',
  emits: commands,
  on: {
    'order.created': choreographed(({ data }, ctx) =>
      ctx.emit('inventory.reserve', { orderId: data.orderId, order: detailsOf(data) }),
    ),
    'inventory.reserved': choreographed(({ data: { orderId, order } }, ctx) =>
      ctx.emit('payment.process', { orderId, order: detailsOf(order) }),
    ),
    'payment.processed': choreographed(({ data: { orderId, order } }, ctx) =>
      ctx.emit('shipment.create', { orderId, order: detailsOf(order) }),
    ),

    'payment.failed': choreographed(({ data }, ctx) => ctx.emit('inventory.release', compensationOf(data))),
    'shipment.failed': choreographed(({ data }, ctx) => ctx.emit('payment.refund', compensationOf(data))),
    'order.cancelled': choreographed(({ data }, ctx) => ctx.emit('shipment.cancel', compensationOf(data))),
    'shipment.cancelled': choreographed(({ data }, ctx) => ctx.emit('payment.refund', compensationOf(data))),
    'payment.refunded': choreographed(({ data }, ctx) => ctx.emit('inventory.release', compensationOf(data))),
  },
});

/** A policy that ignores orders that a saga fulfils. */
function choreographed<Event extends { data: unknown }>(policy: (event: Event, ctx: Ctx) => void) {
  return (event: Event, ctx: Ctx): void => {
    if (!isOrchestrated(event.data)) policy(event, ctx);
  };
}

function compensationOf({ orderId, reason, fulfilment }: Data<'payment.refund'>): Data<'payment.refund'> {
  return { orderId, reason, fulfilment };
}
