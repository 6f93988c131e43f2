import { defineSaga } from '../../catalogue.js';
import { detailsOf } from '../events.js';
import { isOrchestrated } from './fulfilment.js';

/** Answers may take longer than the retries of a worker (payment: 11 minutes), and longer than a deployment. */
const reserving = { timeout: '15m', retryDelays: ['1m', '5m'] };
const paying = { timeout: '20m', retryDelays: ['1m', '10m'] };
const shipping = { timeout: '30m', retryDelays: ['1m', '10m', '1h'] };
const undoing = { timeout: '20m', retryDelays: ['1m', '10m', '1h', '6h'] };

const marked = { fulfilment: 'orchestrated' } as const;

/** Reserves an order's items, takes its payment and ships it. After a failure or a cancellation, completed steps are
 *  compensated in reverse order. */
export const orderFulfilment = defineSaga({
  name: 'order-fulfilment',
  startedBy: 'order.created',
  accepts: ({ data }) => isOrchestrated(data),
  correlate: ({ subject }) => (subject.startsWith('order/') ? subject.slice('order/'.length) : undefined),
  input: detailsOf,
  cancelledBy: 'order.cancelled',
  subject: (orderId) => `order/${orderId}`,
  steps: [
    {
      name: 'reserve',
      command: { type: 'inventory.reserve', data: ({ sagaId: orderId, input: order }) => ({ orderId, order }) },
      done: 'inventory.reserved',
      failed: ['inventory.rejected'],
      ...reserving,
      compensate: {
        command: { type: 'inventory.release', data: ({ sagaId: orderId, reason }) => ({ orderId, reason, ...marked }) },
        done: 'inventory.released',
        ...undoing,
      },
    },
    {
      name: 'pay',
      command: { type: 'payment.process', data: ({ sagaId: orderId, input: order }) => ({ orderId, order }) },
      done: 'payment.processed',
      failed: ['payment.failed'],
      ...paying,
      compensate: {
        command: { type: 'payment.refund', data: ({ sagaId: orderId, reason }) => ({ orderId, reason, ...marked }) },
        done: 'payment.refunded',
        ...undoing,
      },
    },
    {
      name: 'ship',
      command: { type: 'shipment.create', data: ({ sagaId: orderId, input: order }) => ({ orderId, order }) },
      done: 'shipment.created',
      failed: ['shipment.failed'],
      ...shipping,
      compensate: {
        command: { type: 'shipment.cancel', data: ({ sagaId: orderId, reason }) => ({ orderId, reason, ...marked }) },
        done: 'shipment.cancelled',
        ...undoing,
      },
    },
  ],
});
