import { KeyReusedError, PermanentError, textLine, type Refused } from 'flotilla';
import { z } from 'zod';
import { requestJson } from '#platform/http-client.js';

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

/** A charge of the gateway. */
export interface Charged {
  id: string;
  amount: number;
  currency: string;
}

/** The code of an answer with another amount or currency than requested. */
export const MISMATCH = 'payment.mismatch';

interface Call {
  key: string;
  signal: AbortSignal;
}

export interface Gateway {
  /** Charges once per key, however often it is called. Throws `KeyReusedError`. */
  charge: (charge: Charge, call: Call) => Promise<Charged | Refused>;
  /** Closes the key: returns the charge made under it, otherwise prevents one, even for a request in progress. */
  cancel: (call: Call) => Promise<Charged | undefined>;
  /** Refunds once per key. */
  refund: (refund: Refund, call: Call) => Promise<void>;
}

const money = { amount: z.int().min(0), currency: z.string().regex(/^[A-Z]{3}$/) };
const charged = z
  .looseObject({ id: textLine(200), ...money })
  .transform(({ id, amount, currency }): Charged => ({ id, amount, currency }));
const refunded = z.looseObject({ id: textLine(200), amount: money.amount });

/** The payment gateway at `url`. Rejects like `requestJson`. */
export function createGateway(url: string): Gateway {
  const charges = `${url.replace(/\/$/, '')}/gateway/charges`;
  const refunds = `${url.replace(/\/$/, '')}/gateway/refunds`;
  return {
    charge: async (body, call) => {
      const answer = await requestJson({
        method: 'POST',
        url: charges,
        body,
        ...call,
        answer: charged,
        refusals: [402, 409],
      });
      if ('body' in answer) return answer.body;
      if (answer.refused === 409) throw new KeyReusedError(call.key);
      return { refused: answer.code ?? 'declined' };
    },
    cancel: async (call) => {
      const answer = await requestJson({ method: 'DELETE', url: charges, ...call, answer: charged, refusals: [404] });
      return 'body' in answer ? answer.body : undefined;
    },
    refund: async (body, call) => {
      const answer = await requestJson({ method: 'POST', url: refunds, body, ...call, answer: refunded });
      if ('body' in answer && answer.body.amount === body.amount) return;
      throw new PermanentError(MISMATCH, `The gateway did not refund the ${body.amount} of charge ${body.chargeId}`);
    },
  };
}
