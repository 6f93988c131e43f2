import { z } from 'zod';
import { requestJson } from '../../src/platform/http-client.js';

export interface Charge {
  orderId: string;
  amount: number;
  currency: string;
  token: string;
}

export interface Refund {
  chargeId: string;
  orderId: string;
  amount: number;
}

export type ChargeResult = { charged: true; id: string } | { charged: false; reason: string };

interface Call {
  key: string;
  signal: AbortSignal;
}

export interface Gateway {
  /** Charges once for a key, however often it is called. */
  charge: (charge: Charge, call: Call) => Promise<ChargeResult>;
  /** What was charged under a key; where nothing was, nothing will be, also if the charge is still on its way. */
  cancel: (call: Call) => Promise<ChargeResult>;
  /** Refunds once for a key. */
  refund: (refund: Refund, call: Call) => Promise<void>;
}

const charged = z.looseObject({ id: z.string().min(1).max(200) });
const declined = z.looseObject({ code: z.string().min(1).max(100) });

/** The payment gateway at `url`. What means that it is not available, and what that a request is wrong, is told apart
 *  as by `requestJson`. */
export function createGateway(url: string): Gateway {
  const base = url.replace(/\/$/, '');
  return {
    charge: async (body, call) => {
      const answer = await requestJson({
        method: 'POST',
        url: `${base}/gateway/charges`,
        body,
        ...call,
        refusals: [402],
      });
      if (answer.status !== 402) return { charged: true, id: charged.parse(answer.body).id };
      const refusal = declined.safeParse(answer.body);
      return { charged: false, reason: refusal.success ? refusal.data.code : 'declined' };
    },
    cancel: async (call) => {
      const answer = await requestJson({ method: 'DELETE', url: `${base}/gateway/charges`, ...call, refusals: [404] });
      if (answer.status === 404) return { charged: false, reason: 'cancelled' };
      return { charged: true, id: charged.parse(answer.body).id };
    },
    refund: async (body, call) => {
      await requestJson({ method: 'POST', url: `${base}/gateway/refunds`, body, ...call });
    },
  };
}
