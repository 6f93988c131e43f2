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

/** What the gateway has taken. */
export interface Charged {
  id: string;
  amount: number;
  currency: string;
}

/** Code of an answer about another amount or currency than was asked for. */
export const MISMATCH = 'payment.mismatch';

interface Call {
  key: string;
  signal: AbortSignal;
}

export interface Gateway {
  /** Charges once for a key, however often it is called. Throws `KeyReusedError`. */
  charge: (charge: Charge, call: Call) => Promise<Charged | Refused>;
  /** What was charged under a key; where nothing was, nothing will be, also if the charge is still on its way. */
  cancel: (call: Call) => Promise<Charged | undefined>;
  /** Refunds once for a key. */
  refund: (refund: Refund, call: Call) => Promise<void>;
}

const money = { amount: z.int().min(0), currency: z.string().regex(/^[A-Z]{3}$/) };
const charged = z
  .looseObject({ id: textLine(200), ...money })
  .transform(({ id, amount, currency }): Charged => ({ id, amount, currency }));
const refunded = z.looseObject({ id: textLine(200), amount: money.amount });

/** The payment gateway at `url`. Errors as by `requestJson`. */
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
