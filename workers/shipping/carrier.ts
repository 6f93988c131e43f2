import { z } from 'zod';
import { requestJson } from '../../src/platform/http-client.js';
import type { OrderLine, ShippingAddress } from '../../src/platform/fields.js';

export interface Parcel {
  orderId: string;
  address: ShippingAddress;
  items: Pick<OrderLine, 'sku' | 'quantity'>[];
}

export interface Booked {
  trackingNumber: string;
  estimatedDelivery: string;
}

export type BookingResult = ({ booked: true } & Booked) | { booked: false; reason: string };

export interface Carrier {
  /** Books once for a key, however often it is called. */
  book: (parcel: Parcel, call: { key: string; signal: AbortSignal }) => Promise<BookingResult>;
  /** Cancels a booking; one that is not there counts as cancelled. */
  cancel: (trackingNumber: string, call: { signal: AbortSignal }) => Promise<void>;
}

const booking = z.looseObject({
  trackingNumber: z.string().min(1).max(100),
  estimatedDelivery: z.string().min(1).max(64),
});
const refusal = z.looseObject({ code: z.string().min(1).max(100) });

/** The carrier at `url`. Errors as by `requestJson`. */
export function createCarrier(url: string): Carrier {
  const base = `${url.replace(/\/$/, '')}/carrier/shipments`;
  return {
    book: async (body, call) => {
      const answer = await requestJson({ method: 'POST', url: base, body, ...call, refusals: [422] });
      if (answer.status !== 422) {
        const { trackingNumber, estimatedDelivery } = booking.parse(answer.body);
        return { booked: true, trackingNumber, estimatedDelivery };
      }
      const refused = refusal.safeParse(answer.body);
      return { booked: false, reason: refused.success ? refused.data.code : 'refused' };
    },
    cancel: async (trackingNumber, call) => {
      const url = `${base}/${encodeURIComponent(trackingNumber)}`;
      await requestJson({ method: 'DELETE', url, ...call, refusals: [404] });
    },
  };
}
