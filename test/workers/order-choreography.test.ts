import { harness, type TestEvent } from 'flotilla/testing';
import type { Fulfilment } from '../../platform/orders/fulfilment/fulfilment.js';
import choreography from '../../workers/order-choreography/index.js';
import { about, details, orderId } from '../platform/support/events.js';

const order = details;
const reason = 'because';

const policies: [TestEvent, TestEvent][] = [
  [about('order.created', { orderId, ...details }), about('inventory.reserve', { orderId, order })],
  [about('inventory.reserved', { orderId, order, levels: [] }), about('payment.process', { orderId, order })],
  [
    about('payment.processed', { orderId, order, paymentId: 'ch_1', amount: 1250, currency: 'USD' }),
    about('shipment.create', { orderId, order }),
  ],
  [about('payment.failed', { orderId, reason }), about('inventory.release', { orderId, reason })],
  [about('shipment.failed', { orderId, reason }), about('payment.refund', { orderId, reason })],
  [about('order.cancelled', { orderId, userId: 'u1', reason }), about('shipment.cancel', { orderId, reason })],
  [about('shipment.cancelled', { orderId, reason }), about('payment.refund', { orderId, reason })],
  [about('payment.refunded', { orderId, reason, amount: 0 }), about('inventory.release', { orderId, reason })],
];

/** The same event or command for an order with this fulfilment mode. */
function mark({ type, data, subject }: TestEvent, fulfilment: Fulfilment): TestEvent {
  const fields = data as Record<string, unknown>;
  const hasDetails = 'order' in fields;
  return {
    type,
    subject,
    data: hasDetails ? { ...fields, order: { ...order, fulfilment } } : { ...fields, fulfilment },
  };
}

describe('worker order-choreography', () => {
  for (const [event, command] of policies) {
    it(`reacts to ${event.type} with ${command.type}`, async () => {
      await harness(choreography).when(event).emits(command);
    });

    it(`marks ${command.type} as choreographed, and leaves ${event.type} of other orders to a saga`, async () => {
      await harness(choreography).when(mark(event, 'choreographed')).emits(mark(command, 'choreographed'));
      await harness(choreography).when(mark(event, 'orchestrated')).ignores();
    });
  }
});
