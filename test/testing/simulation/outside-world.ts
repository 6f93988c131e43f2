import { UnavailableError } from 'flotilla';
import { KeyReusedError } from 'flotilla';
import type { Charged, Gateway } from '../../../workers/payment/gateway.js';
import type { Booked, Carrier } from '../../../workers/shipping/carrier.js';
import type { Run } from 'flotilla/simulation';

interface Charge extends Charged {
  orderId: string;
}

interface Booking extends Booked {
  orderId: string;
  cancelled: boolean;
}

const estimatedDelivery = '2030-01-01';

/** A simulated gateway and carrier, idempotent by key; the gateway rejects a known key with another card. Calls take
 *  time and are subject to faults. */
export function outsideWorld(run: Run) {
  const charges = new Map<string, Charge>();
  const refunds = new Map<string, { orderId: string; amount: number }>();
  const closed = new Set<string>();
  const cards = new Map<string, string>();
  const bookings = new Map<string, Booking>();
  const closedBookings = new Set<string>();
  const gateway: Gateway = {
    charge: run.externalCall('gateway.charge', ({ orderId, amount, currency, token }, { key }) => {
      const before = cards.get(key);
      if (before !== undefined && before !== token) throw new KeyReusedError(key);
      if (!closed.has(key)) cards.set(key, token);
      if (token === 'tok_flaky' && before === undefined) throw new UnavailableError('503');
      if (token === 'tok_declined' || closed.has(key)) return { refused: 'card_declined' };
      const charge = charges.get(key) ?? { id: `ch_${charges.size}`, orderId, amount, currency };
      charges.set(key, charge);
      return charge;
    }),
    cancel: run.externalCall('gateway.cancel', ({ key }) => {
      const charge = charges.get(key);
      if (charge === undefined) closed.add(key);
      return charge;
    }),
    refund: run.externalCall('gateway.refund', ({ orderId, amount }, { key }) => {
      refunds.set(key, { orderId, amount });
    }),
  };
  const carrier: Carrier = {
    book: run.externalCall('carrier.book', ({ orderId, address }, { key }) => {
      if (address.postalCode === '00000' || closedBookings.has(key)) return { refused: 'undeliverable' };
      const trackingNumber = `T${bookings.size}`;
      const booking = bookings.get(key) ?? { orderId, trackingNumber, estimatedDelivery, cancelled: false };
      bookings.set(key, booking);
      return { trackingNumber: booking.trackingNumber, estimatedDelivery };
    }),
    close: run.externalCall('carrier.close', ({ key }) => {
      const booking = bookings.get(key);
      if (booking === undefined) closedBookings.add(key);
      return booking && { trackingNumber: booking.trackingNumber, estimatedDelivery };
    }),
    cancel: run.externalCall('carrier.cancel', (trackingNumber) => {
      for (const booking of bookings.values()) if (booking.trackingNumber === trackingNumber) booking.cancelled = true;
    }),
  };
  return { charges, refunds, bookings, use: { payment: { gateway }, shipping: { carrier } } };
}
