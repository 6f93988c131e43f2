import { textLine } from 'flotilla';
import { z } from 'zod';
import { requestJson } from '../../src/platform/http-client.js';
import { KeyReused, type Refused } from '../../src/platform/once-outside.js';

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

/** What the gateway has taken. */
export interface Charged {
  id: string;
  amount: number;
  currency: string;
}

interface Call {
  key: string;
  signal: AbortSignal;
}

export interface Gateway {
  /** Charges once for a key, however often it is called. Throws `KeyReused`. */
  charge: (charge: Charge, call: Call) => Promise<Charged | Refused>;
  /** What was charged under a key; where nothing was, nothing will be, also if the charge is still on its way. */
  cancel: (call: Call) => Promise<Charged | undefined>;
  /** Refunds once for a key. */
  refund: (refund: Refund, call: Call) => Promise<void>;
}

const charged = z
  .looseObject({ id: textLine(200), amount: z.int().min(0), currency: z.string() })
  .transform(({ id, amount, currency }): Charged => ({ id, amount, currency }));
const declined = z.looseObject({ code: textLine(100) });

/** The payment gateway at `url`. What means that it is not available, and what that a request is wrong, is told apart
 *  as by `requestJson`. */
export function createGateway(url: string): Gateway {
  const charges = `${url.replace(/\/$/, '')}/gateway/charges`;
  const refunds = `${url.replace(/\/$/, '')}/gateway/refunds`;
  return {
    charge: async (body, call) => {
      const answer = await requestJson({ method: 'POST', url: charges, body, ...call, refusals: [402, 409] });
      if (answer.status === 409) throw new KeyReused(call.key);
      if (answer.status !== 402) return charged.parse(answer.body);
      const refusal = declined.safeParse(answer.body);
      return { refused: refusal.success ? refusal.data.code : 'declined' };
    },
    cancel: async (call) => {
      const answer = await requestJson({ method: 'DELETE', url: charges, ...call, refusals: [404] });
      return answer.status === 404 ? undefined : charged.parse(answer.body);
    },
    refund: async (body, call) => {
      await requestJson({ method: 'POST', url: refunds, body, ...call });
    },
  };
}
