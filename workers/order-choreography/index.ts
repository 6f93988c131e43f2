import { defineWorker, type Data } from '#platform/catalogue.js';
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

/** Fulfils an order with stateless policies: each event causes the next command and contains the data that it needs.
 *  After a failure, each service compensates its step, or ensures that it is never executed. Ignores orders that a saga
 *  fulfils. */
export default defineWorker({
  name: 'order-choreography',
  emits: commands,
  cycles: [
    {
      types: [
        'inventory.reserved',
        'payment.processed',
        'payment.failed',
        'payment.refunded',
        'shipment.failed',
        'shipment.cancelled',
      ],
      reason: 'Each event causes the next step of an order, forward or back, and an order turns back once.',
    },
  ],
  accepts: ({ data }) => !isOrchestrated(data),
  on: {
    'order.created': ({ data }, ctx) =>
      ctx.emit('inventory.reserve', { orderId: data.orderId, order: detailsOf(data) }),
    'inventory.reserved': ({ data: { orderId, order } }, ctx) =>
      ctx.emit('payment.process', { orderId, order: detailsOf(order) }),
    'payment.processed': ({ data: { orderId, order } }, ctx) =>
      ctx.emit('shipment.create', { orderId, order: detailsOf(order) }),

    'payment.failed': ({ data }, ctx) => ctx.emit('inventory.release', compensationOf(data)),
    'shipment.failed': ({ data }, ctx) => ctx.emit('payment.refund', compensationOf(data)),
    'order.cancelled': ({ data }, ctx) => ctx.emit('shipment.cancel', compensationOf(data)),
    'shipment.cancelled': ({ data }, ctx) => ctx.emit('payment.refund', compensationOf(data)),
    'payment.refunded': ({ data }, ctx) => ctx.emit('inventory.release', compensationOf(data)),
  },
});

function compensationOf({ orderId, reason, fulfilment }: Data<'payment.refund'>): Data<'payment.refund'> {
  return { orderId, reason, fulfilment };
}
