import { KeyReusedError, textLine, type Refused } from 'flotilla';
import { z } from 'zod';
import { requestJson } from '#platform/http-client.js';
import type { OrderLine, ShippingAddress } from '#platform/fields.js';

export interface Parcel {
  orderId: string;
  address: ShippingAddress;
  items: Pick<OrderLine, 'sku' | 'quantity'>[];
}

export interface Booked {
  trackingNumber: string;
  estimatedDelivery: string;
}

interface Call {
  key: string;
  signal: AbortSignal;
}

export interface Carrier {
  /** Books once per key, however often it is called. Throws `KeyReusedError`. */
  book: (parcel: Parcel, call: Call) => Promise<Booked | Refused>;
  /** Closes the key: returns the booking made under it, otherwise prevents one, even for a request in progress. */
  close: (call: Call) => Promise<Booked | undefined>;
  /** Cancels a booking; an unknown booking counts as cancelled. */
  cancel: (trackingNumber: string, call: Pick<Call, 'signal'>) => Promise<void>;
}

const booking = z
  .looseObject({ trackingNumber: textLine(100), estimatedDelivery: textLine(64) })
  .transform(({ trackingNumber, estimatedDelivery }): Booked => ({ trackingNumber, estimatedDelivery }));

/** The carrier at `url`. Rejects like `requestJson`. */
export function createCarrier(url: string): Carrier {
  const base = `${url.replace(/\/$/, '')}/carrier/shipments`;
  return {
    book: async (body, call) => {
      const answer = await requestJson({
        method: 'POST',
        url: base,
        body,
        ...call,
        answer: booking,
        refusals: [409, 422],
      });
      if ('body' in answer) return answer.body;
      if (answer.refused === 409) throw new KeyReusedError(call.key);
      return { refused: answer.code ?? 'refused' };
    },
    close: async (call) => {
      const answer = await requestJson({ method: 'DELETE', url: base, ...call, answer: booking, refusals: [404] });
      return 'body' in answer ? answer.body : undefined;
    },
    cancel: async (trackingNumber, call) => {
      const url = `${base}/${encodeURIComponent(trackingNumber)}`;
      const answer = z.looseObject({ trackingNumber: z.literal(trackingNumber) });
      await requestJson({ method: 'DELETE', url, ...call, answer, refusals: [404] });
    },
  };
}
