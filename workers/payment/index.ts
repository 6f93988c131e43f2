import { callOnce, closeAction, idempotencyKeys, PermanentError, type ExternalAction } from 'flotilla';
import { z } from 'zod';
import { defineWorker } from '#platform/catalogue.js';
import { detailsOf, type OrderDetails } from '#platform/orders/events.js';
import { createGateway, MISMATCH, type Charge, type Charged, type Gateway, type Refund } from './gateway.js';
import { migrations, readPayment, writePayment, type Payment } from './tables.js';

const sideEffect = { sideEffect: true };

/** Charges an order once, even if several commands request it, and sends each of them the same answer; refunds it on
 *  request. A refund may arrive before the charge or during it: it then closes the order's keys at the gateway, which
 *  returns an existing charge, to be refunded, or ensures that nothing is charged under them. */
export default defineWorker({
  name: 'payment',
  settings: z.object({ gatewayUrl: z.url({ protocol: /^https?$/ }).describe('URL of the payment gateway.') }),
  setup: ({ settings }) => ({ gateway: createGateway(settings.gatewayUrl) }),
  migrations,
  retry: { delays: ['1s', '3s', '10s', '1m', '10m'] },
  emits: ['payment.processed', 'payment.failed', 'payment.refund', 'payment.refunded'],
  cycles: [
    {
      types: ['payment.refund'],
      reason: 'It is repeated only if the order was charged in the meantime, and then refunds that charge.',
    },
  ],
  on: {
    'payment.process': async ({ data: { orderId, order } }, ctx) => {
      const known = await readPayment(ctx.query, orderId);
      const charge = chargeOf(orderId, order);
      const keys = keysOf(orderId);
      const call = <T>(request: (action: ExternalAction<Charged>) => Promise<T>) =>
        ctx.call('gateway', (signal) => request(chargesAt(ctx.use.gateway, charge, signal)), sideEffect);
      const refund = ({ id: chargeId, amount }: Charged) =>
        ctx.call('gateway', (signal) => refundOnce(ctx.use.gateway, { chargeId, orderId, amount }, signal), sideEffect);
      let taken: Charged | undefined;
      let reason = 'cancelled';
      if (known === undefined && charge.amount > 0) {
        const answer = await call((action) => callOnce(action, keys));
        if ('refused' in answer) reason = answer.refused;
        else taken = answer;
      } else if (known?.status !== 'charged' && ctx.mayHaveRunBefore) {
        // charged by an attempt that was killed before it stored the result, or before an edit changed the total to 0
        taken = await call((action) => closeAction(action, keys));
      }
      // only a charge of exactly the order's total counts as its payment; any other charge is refunded
      if (known === undefined && taken !== undefined && !isSameMoney(taken, charge)) {
        if (taken.amount > 0) await refund(taken);
        if (charge.amount > 0) throw mismatch(taken, charge);
        taken = undefined;
      }
      if (charge.amount === 0) taken ??= { id: `free-${orderId}`, amount: 0, currency: charge.currency };
      const outcome = taken === undefined ? { status: 'failed' as const, reason } : paymentOf(taken, 'charged');
      ctx.write(async (tx) => {
        const { fulfilment } = order;
        const known = await readPayment(tx.sql, orderId);
        const payment = known ?? outcome;
        if (known === undefined || isUnwanted(outcome, known)) await writePayment(tx.sql, orderId, outcome);
        if (payment.status === 'charged') {
          const { paymentId, amount, currency } = payment;
          await tx.emit('payment.processed', { orderId, order: detailsOf(order), paymentId, amount, currency });
          return;
        }
        if (known !== undefined && isUnwanted(outcome, known)) {
          await tx.emit('payment.refund', { orderId, reason: 'cancelled', fulfilment });
        }
        const why = payment.status === 'failed' ? payment.reason : 'cancelled';
        await tx.emit('payment.failed', { orderId, reason: why, fulfilment });
      });
    },

    'payment.refund': async ({ data: { orderId, reason, fulfilment } }, ctx) => {
      const known = await readPayment(ctx.query, orderId);
      const charge =
        known === undefined
          ? await ctx.call(
              'gateway',
              (signal) => closeAction(closingAt(ctx.use.gateway, signal), keysOf(orderId)),
              sideEffect,
            )
          : chargeIn(known);
      if (charge !== undefined && charge.amount > 0) {
        const { id: chargeId, amount } = charge;
        await ctx.call(
          'gateway',
          (signal) => refundOnce(ctx.use.gateway, { chargeId, orderId, amount }, signal),
          sideEffect,
        );
      }
      ctx.write(async (tx) => {
        const now = await readPayment(tx.sql, orderId);
        if (charge === undefined && now?.status === 'charged') {
          await tx.emit('payment.refund', { orderId, reason, fulfilment }); // charged since the payment was read
          return;
        }
        if (charge !== undefined) await writePayment(tx.sql, orderId, paymentOf(charge, 'refunded'));
        else if (now === undefined) await writePayment(tx.sql, orderId, { status: 'tombstone' });
        const amount = charge?.amount ?? (now?.status === 'refunded' ? now.amount : 0);
        await tx.emit('payment.refunded', { orderId, reason, fulfilment, amount });
      });
    },
  },
});

/** The keys of an order's charge. */
const keysOf = (orderId: string) => idempotencyKeys(`charge-${orderId}`);

const chargeOf = (orderId: string, { total: amount, currency, payment: { token } }: OrderDetails): Charge => ({
  orderId,
  amount,
  currency,
  token,
});

function chargesAt(gateway: Gateway, charge: Charge, signal: AbortSignal): ExternalAction<Charged> {
  return { call: (key) => gateway.charge(charge, { key, signal }), ...closingAt(gateway, signal) };
}

function closingAt(gateway: Gateway, signal: AbortSignal): Pick<ExternalAction<Charged>, 'close'> {
  return { close: (key) => gateway.cancel({ key, signal }) };
}

/** Several refunds of one charge may be requested concurrently: the key is derived from the charge, so that only one is
 *  made. */
function refundOnce(gateway: Gateway, refund: Refund, signal: AbortSignal): Promise<void> {
  return gateway.refund(refund, { key: `refund-${refund.chargeId}`, signal });
}

const isSameMoney = (a: Pick<Charged, 'amount' | 'currency'>, b: Pick<Charged, 'amount' | 'currency'>) =>
  a.amount === b.amount && a.currency === b.currency;

function mismatch(taken: Charged, { orderId, amount, currency }: Charge): PermanentError {
  const charged = `${taken.amount} ${taken.currency}`;
  return new PermanentError(
    MISMATCH,
    `Order ${orderId} costs ${amount} ${currency}, but the gateway charged ${charged} (${taken.id}), which was refunded`,
  );
}

const paymentOf = <S extends 'charged' | 'refunded'>({ id: paymentId, amount, currency }: Charged, status: S) => ({
  status,
  paymentId,
  amount,
  currency,
});

/** The charge to refund, if any. */
function chargeIn(payment: Payment): Charged | undefined {
  if (payment.status !== 'charged') return undefined;
  const { paymentId: id, amount, currency } = payment;
  return { id, amount, currency };
}

/** Whether an unwanted charge exists: the order was refused or refunded without it. */
function isUnwanted(outcome: Payment, known: Payment): boolean {
  if (outcome.status !== 'charged' || outcome.amount === 0 || known.status === 'charged') return false;
  return known.status !== 'refunded' || known.paymentId !== outcome.paymentId;
}
