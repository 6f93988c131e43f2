import { Router, json, type Request, type Response } from 'express';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { SandboxDatabase } from '../database.js';
import { BODY_LIMIT, amount, idempotencyKey, identifier, page, toList } from '../http/inputs.js';
import { createLedger } from './ledger.js';
import { createOutage } from '../http/outage.js';
import { Problem, parse } from '../http/problem.js';
import type { Answer, IdempotentRequests } from '../http/idempotent-requests.js';

const chargeBody = z.object({
  orderId: identifier,
  amount,
  currency: z.string().regex(/^[A-Z]{3}$/),
  token: identifier,
});
const refundBody = z.object({ chargeId: identifier, orderId: identifier, amount });

/** How long `tok_timeout` keeps a client waiting before the connection is closed, in milliseconds. */
const SLOW_RESPONSE_MS = 60_000;

/** How many times `tok_flaky` fails for one idempotency key. */
const FLAKY_FAILURES = 2;

const MAX_PAGE = 100_000;

export interface GatewayOptions {
  db: SandboxDatabase;
  requests: IdempotentRequests;
  /** Duration of a charge, in milliseconds. */
  chargeDelay: number;
  /** Aborts when the sandbox closes. */
  closing: AbortSignal;
}

/** A payment gateway that charges no money. The token determines the response: `tok_ok` succeeds, `tok_declined`
 *  results in 402, `tok_flaky` fails twice with 503 and then succeeds, `tok_down` always results in 503, `tok_timeout`
 *  never responds and charges nothing, and any other token results in 402. */
export function gatewayRoutes({ db, requests, chargeDelay, closing }: GatewayOptions): Router {
  const ledger = createLedger(db);
  const outage = createOutage(db, 'gateway');
  const routes = Router();

  routes.post('/charges', json({ limit: BODY_LIMIT }), async (req, res) => {
    const key = idempotencyKey(req);
    const charge = parse(chargeBody, req.body);
    outage.refuseWhileDown();
    if (charge.token === 'tok_timeout') {
      await hold(req, res, closing);
      return;
    }
    if (chargeDelay > 0) await delay(chargeDelay, undefined, { signal: closing });
    const answer = requests.run('charge', key, charge, (earlier) => {
      const refusal = refusalOf(charge.token, earlier);
      if (refusal !== undefined) return refusal;
      const id = `ch_${randomUUID()}`;
      ledger.record({ id, kind: 'charge', key, chargeId: null, ...charge });
      return { status: 201, body: { id, amount: charge.amount, currency: charge.currency, status: 'succeeded' } };
    });
    res.status(answer.status).json(answer.body);
  });

  // by Idempotency-Key: returns the charge made under it, or closes the key, even for a request in progress
  routes.delete('/charges', (req, res) => {
    const key = idempotencyKey(req);
    outage.refuseWhileDown();
    const cancelled = {
      status: 402,
      body: { code: 'cancelled', title: 'The charge was cancelled before it was made' },
    };
    const answer = requests.close('charge', key, cancelled);
    if (answer.status === cancelled.status) throw new Problem(404, 'not_charged', 'Nothing was charged under this key');
    res.json(answer.body);
  });

  routes.post('/refunds', json({ limit: BODY_LIMIT }), (req, res) => {
    const key = idempotencyKey(req);
    const refund = parse(refundBody, req.body);
    outage.refuseWhileDown();
    const answer = requests.run('refund', key, refund, (): Answer | Problem => {
      const charge = ledger.charge(refund.chargeId);
      if (charge === undefined) return new Problem(404, 'charge_not_found', 'No such charge');
      if (charge.orderId !== refund.orderId) {
        return new Problem(422, 'charge_of_another_order', 'The charge belongs to another order');
      }
      if (charge.refunded + refund.amount > charge.amount) {
        return new Problem(422, 'refund_too_large', 'More than what is left of the charge');
      }
      const id = `re_${randomUUID()}`;
      ledger.record({ id, kind: 'refund', key, currency: charge.currency, ...refund });
      const { chargeId, amount } = refund;
      return { status: 201, body: { id, chargeId, amount, currency: charge.currency, status: 'succeeded' } };
    });
    res.status(answer.status).json(answer.body);
  });

  routes.get('/ledger', (req, res) => {
    const { limit, cursor, orderId } = page(req, MAX_PAGE);
    res.json(toList(ledger.list(cursor, limit + 1, orderId), limit));
  });

  routes.use(outage.routes);
  return routes;
}

function refusalOf(token: string, earlier: number): Problem | undefined {
  switch (token) {
    case 'tok_ok':
      return undefined;
    case 'tok_flaky':
      return earlier < FLAKY_FAILURES ? new Problem(503, 'unavailable', 'The gateway is flaky; try again') : undefined;
    case 'tok_down':
      return new Problem(503, 'unavailable', 'The gateway is down for this token');
    case 'tok_declined':
      return new Problem(402, 'card_declined', 'The card was declined');
    default:
      return new Problem(402, 'invalid_token', 'No such payment token');
  }
}

/** Leaves the client without a response until it disconnects, the time is over or the sandbox closes; then closes the
 *  connection. */
async function hold(req: Request, res: Response, closing: AbortSignal): Promise<void> {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  const over = AbortSignal.any([gone.signal, closing]);
  await delay(SLOW_RESPONSE_MS, undefined, { signal: over }).catch((error: unknown) => {
    if (!over.aborted) throw error;
  });
  req.socket.destroy();
}
