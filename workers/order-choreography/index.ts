import { defineWorker } from '../../src/platform/catalogue.js';
import { detailsOf } from '../../src/platform/orders/events.js';

/** Fulfils an order by policies without a memory: this happened, so that is asked for next. What a step needs, the
 *  event before it carries. On the way back each service undoes what it did, or makes sure that it will not do it. */
export default defineWorker({
  name: 'order-choreography',
  emits: [
    'inventory.reserve',
    'inventory.release',
    'payment.process',
    'payment.refund',
    'shipment.create',
    'shipment.cancel',
  ],
  on: {
    'order.created': ({ data }, ctx) =>
      ctx.emit('inventory.reserve', { orderId: data.orderId, order: detailsOf(data) }),
    'inventory.reserved': ({ data: { orderId, order } }, ctx) =>
      ctx.emit('payment.process', { orderId, order: detailsOf(order) }),
    'payment.processed': ({ data: { orderId, order } }, ctx) =>
      ctx.emit('shipment.create', { orderId, order: detailsOf(order) }),

    'payment.failed': ({ data: { orderId, reason } }, ctx) => ctx.emit('inventory.release', { orderId, reason }),
    'shipment.failed': ({ data: { orderId, reason } }, ctx) => ctx.emit('payment.refund', { orderId, reason }),
    'order.cancelled': ({ data: { orderId, reason } }, ctx) => ctx.emit('shipment.cancel', { orderId, reason }),
    'shipment.cancelled': ({ data: { orderId, reason } }, ctx) => ctx.emit('payment.refund', { orderId, reason }),
    'payment.refunded': ({ data: { orderId, reason } }, ctx) => ctx.emit('inventory.release', { orderId, reason }),
  },
});
