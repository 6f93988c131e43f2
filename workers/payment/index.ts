import { z } from 'zod';
import { defineWorker } from '../../src/platform/catalogue.js';
import { detailsOf } from '../../src/platform/orders/events.js';
import { createGateway, type ChargeResult } from './gateway.js';
import { migrations, readPayment, writePayment, type Payment } from './tables.js';

const nothing: Payment = { paymentId: null, amount: 0, currency: null, status: 'tombstone' };

/** Charges an order once and gives the money back when asked to. A refund may come before the charge it is about, or
 *  while that is under way: the charge then either does not happen or is refunded. Where an earlier attempt may have
 *  reached the gateway and nothing was noted, the gateway is asked what it has taken under the command's key, which is then
 *  given back, and takes nothing under it any more. */
export default defineWorker({
  name: 'payment',
  settings: z.object({ gatewayUrl: z.url() }),
  setup: ({ settings }) => ({ gateway: createGateway(settings.gatewayUrl) }),
  migrations,
  retry: { delays: ['1s', '3s', '10s', '1m', '10m'] },
  emits: ['payment.processed', 'payment.failed', 'payment.refund', 'payment.refunded'],
  on: {
    'payment.process': async ({ data: { orderId, order } }, ctx) => {
      const { total: amount, currency, payment } = order;
      const earlier = await readPayment(ctx.query, orderId);
      if (earlier?.status === 'refunded' || (earlier?.status === 'tombstone' && !ctx.mayHaveBegun)) {
        ctx.emit('payment.failed', { orderId, reason: 'cancelled' });
        return;
      }
      if (earlier !== undefined && earlier.status !== 'tombstone') return; // this order was answered already
      const charge = { orderId, amount, currency, token: payment.token };
      const result: ChargeResult =
        amount === 0
          ? { charged: true, id: `free-${orderId}` }
          : await ctx.call('gateway', (signal) => {
              const call = { key: ctx.key, signal };
              return earlier === undefined ? ctx.use.gateway.charge(charge, call) : ctx.use.gateway.cancel(call);
            });
      ctx.write(async (tx) => {
        const refundedMeanwhile = (await readPayment(tx.sql, orderId))?.status === 'tombstone';
        if (!result.charged) {
          if (!refundedMeanwhile) await writePayment(tx.sql, orderId, { ...nothing, status: 'failed' });
          await tx.emit('payment.failed', { orderId, reason: result.reason });
          return;
        }
        const { id: paymentId } = result;
        await writePayment(tx.sql, orderId, { paymentId, amount, currency, status: 'charged' });
        if (refundedMeanwhile) await tx.emit('payment.refund', { orderId, reason: 'cancelled' });
        else await tx.emit('payment.processed', { orderId, order: detailsOf(order), paymentId, amount, currency });
      });
    },

    'payment.refund': async ({ data: { orderId, reason } }, ctx) => {
      const payment = await readPayment(ctx.query, orderId);
      if (payment?.status === 'charged' && payment.paymentId !== null) {
        const { paymentId, amount } = payment;
        if (amount > 0) {
          // two refunds of one order may be asked for at once: the key is the charge's, so that only one is made
          const key = `refund-${paymentId}`;
          const refund = { chargeId: paymentId, orderId, amount };
          await ctx.call('gateway', (signal) => ctx.use.gateway.refund(refund, { key, signal }));
        }
        ctx.write(async (tx) => {
          await writePayment(tx.sql, orderId, { ...payment, status: 'refunded' });
          await tx.emit('payment.refunded', { orderId, reason, amount });
        });
        return;
      }
      ctx.write(async (tx) => {
        const now = await readPayment(tx.sql, orderId);
        if (now?.status === 'charged') {
          await tx.emit('payment.refund', { orderId, reason }); // charged since it was looked at
          return;
        }
        if (now === undefined) await writePayment(tx.sql, orderId, nothing);
        const amount = now?.status === 'refunded' ? now.amount : 0;
        await tx.emit('payment.refunded', { orderId, reason, amount });
      });
    },
  },
});
