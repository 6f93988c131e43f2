import { command, event, textLine } from 'flotilla';
import { z } from 'zod';
import { amount, currency, id, reason } from '../../fields.js';
import { estimatedDelivery, orderDetails, trackingNumber } from '../events.js';
import { marked } from './fulfilment.js';

const forward = { orderId: id, order: orderDetails };
const backward = { orderId: id, reason: reason.optional(), ...marked };
const failed = { orderId: id, reason, ...marked };

/** The commands to payment and shipping, and their answers. Compensation needs only the order's id: each service
 *  remembers what to compensate. */
export const fulfilmentEvents = {
  'payment.process': command({ 1: z.strictObject(forward) }),
  'payment.processed': event({ 1: z.strictObject({ ...forward, paymentId: textLine(200), amount, currency }) }),
  'payment.failed': event({ 1: z.strictObject(failed) }),
  'payment.refund': command({ 1: z.strictObject(backward) }),
  /** `amount` is 0 if nothing was charged. */
  'payment.refunded': event({ 1: z.strictObject({ ...backward, amount }) }),

  'shipment.create': command({ 1: z.strictObject(forward) }),
  'shipment.created': event({ 1: z.strictObject({ orderId: id, trackingNumber, estimatedDelivery, ...marked }) }),
  'shipment.failed': event({ 1: z.strictObject(failed) }),
  'shipment.cancel': command({ 1: z.strictObject(backward) }),
  'shipment.cancelled': event({ 1: z.strictObject(backward) }),
};
