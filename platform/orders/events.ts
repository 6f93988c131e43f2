import { event, pii, textLine } from 'flotilla';
import { z } from 'zod';
import { amount, currency, id, orderLine, reason, shippingAddress } from '../fields.js';
import { marked } from './fulfilment/fulfilment.js';
import { orderStatuses } from './status/status.js';

/** The data that every later step of an order needs. It is copied into all commands and outcomes until the shipment, so
 *  that no service has to request it from another one. */
export const orderDetails = z.strictObject({
  userId: id,
  currency,
  items: z.array(orderLine).min(1).max(100),
  total: amount,
  /** A reference issued by the gateway; never a card number. */
  payment: z.strictObject({ token: pii(textLine(255)) }),
  shippingAddress,
  ...marked,
});

export type OrderDetails = z.infer<typeof orderDetails>;

/** The details without fields that this version does not know: consumers ignore unknown fields, but emit exactly the
 *  known ones. */
export function detailsOf(details: OrderDetails): OrderDetails {
  const { userId, currency, items, total, payment, shippingAddress, fulfilment } = details;
  const { name, line1, city, postalCode, country } = shippingAddress;
  return {
    userId,
    currency,
    items: items.map(({ sku, quantity, unitPrice }) => ({ sku, quantity, unitPrice })),
    total,
    payment: { token: payment.token },
    shippingAddress: { name, line1, city, postalCode, country },
    ...(fulfilment !== undefined && { fulfilment }),
  };
}

export const trackingNumber = textLine(100);
export const estimatedDelivery = textLine(64);

const created = { orderId: id, ...orderDetails.shape };

export const orderEvents = {
  'order.created': event(
    {
      // before there were several currencies, orders had none and were in US dollars
      1: z.strictObject({ ...created, currency: currency.optional() }),
      2: z.strictObject(created),
    },
    { 1: (data) => ({ ...data, currency: data.currency ?? 'USD' }) },
  ),
  'order.status_changed': event({
    1: z.strictObject({
      orderId: id,
      userId: id,
      status: z.enum(orderStatuses),
      previous: z.enum(orderStatuses),
      reason: reason.optional(),
      trackingNumber: trackingNumber.optional(),
      estimatedDelivery: estimatedDelivery.optional(),
    }),
  }),
  'order.cancelled': event({ 1: z.strictObject({ orderId: id, userId: id, reason: reason.optional(), ...marked }) }),
};
