import type { Gateway } from '../../workers/payment/gateway.js';
import type { Carrier } from '../../workers/shipping/carrier.js';
import type { Run } from 'flotilla/testing';

export interface Charge {
  id: string;
  orderId: string;
  amount: number;
}

/** The gateway and the carrier as they keep their books, idempotent by key; calls of them take a while and are subject to
 *  faults. */
export function outsideWorld(run: Run) {
  const charges = new Map<string, Charge>();
  const refunds = new Map<string, { orderId: string; amount: number }>();
  const closed = new Set<string>();
  const bookings = new Map<string, { orderId: string; trackingNumber: string; cancelled: boolean }>();
  const gateway: Gateway = {
    charge: run.outside('gateway.charge', ({ orderId, amount, token }, { key }) => {
      if (token === 'tok_declined' || closed.has(key)) return { charged: false, reason: 'card_declined' };
      const charge = charges.get(key) ?? { id: `ch_${charges.size}`, orderId, amount };
      charges.set(key, charge);
      return { charged: true, id: charge.id };
    }),
    cancel: run.outside('gateway.cancel', ({ key }) => {
      const charge = charges.get(key);
      if (charge === undefined) closed.add(key);
      return charge === undefined ? { charged: false, reason: 'cancelled' } : { charged: true, id: charge.id };
    }),
    refund: run.outside('gateway.refund', ({ orderId, amount }, { key }) => {
      refunds.set(key, { orderId, amount });
    }),
  };
  const carrier: Carrier = {
    book: run.outside('carrier.book', ({ orderId, address }, { key }) => {
      if (address.postalCode === '00000') return { booked: false, reason: 'undeliverable' };
      const booking = bookings.get(key) ?? { orderId, trackingNumber: `T${bookings.size}`, cancelled: false };
      bookings.set(key, booking);
      return { booked: true, trackingNumber: booking.trackingNumber, estimatedDelivery: '2030-01-01' };
    }),
    cancel: run.outside('carrier.cancel', (trackingNumber) => {
      for (const booking of bookings.values()) if (booking.trackingNumber === trackingNumber) booking.cancelled = true;
    }),
  };
  return { charges, refunds, bookings, use: { payment: { gateway }, shipping: { carrier } } };
}
