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

/** Fulfils an order by policies without a memory: this happened, so that is asked for next. What a step needs, the
 *  event before it carries. On the way back each service undoes what it did, or makes sure that it will not do it. Orders
 *  that a saga fulfils it leaves alone. */
export default defineWorker({
  name: 'order-choreography',
  emits: commands,
  on: {
    'order.created': own(({ data }, ctx) =>
      ctx.emit('inventory.reserve', { orderId: data.orderId, order: detailsOf(data) }),
    ),
    'inventory.reserved': own(({ data: { orderId, order } }, ctx) =>
      ctx.emit('payment.process', { orderId, order: detailsOf(order) }),
    ),
    'payment.processed': own(({ data: { orderId, order } }, ctx) =>
      ctx.emit('shipment.create', { orderId, order: detailsOf(order) }),
    ),

    'payment.failed': own(({ data }, ctx) => ctx.emit('inventory.release', back(data))),
    'shipment.failed': own(({ data }, ctx) => ctx.emit('payment.refund', back(data))),
    'order.cancelled': own(({ data }, ctx) => ctx.emit('shipment.cancel', back(data))),
    'shipment.cancelled': own(({ data }, ctx) => ctx.emit('payment.refund', back(data))),
    'payment.refunded': own(({ data }, ctx) => ctx.emit('inventory.release', back(data))),
  },
});

/** Leaves alone what is said of an order that a saga fulfils. */
function own<Event extends { data: unknown }>(policy: (event: Event, ctx: Ctx) => void) {
  return (event: Event, ctx: Ctx): void => {
    if (!isOrchestrated(event.data)) policy(event, ctx);
  };
}

function back({ orderId, reason, fulfilment }: Data<'payment.refund'>): Data<'payment.refund'> {
  return { orderId, reason, fulfilment };
}
