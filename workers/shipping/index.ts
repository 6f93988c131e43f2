import { callOnce, closeAction, idempotencyKeys, type ExternalAction } from 'flotilla';
import { z } from 'zod';
import { defineWorker } from '#platform/catalogue.js';
import type { OrderDetails } from '#platform/orders/events.js';
import { createCarrier, type Booked, type Carrier, type Parcel } from './carrier.js';
import { migrations, readShipment, writeShipment, type Shipment } from './tables.js';

const sideEffect = { sideEffect: true };

/** Books an order's shipment once, even if several commands request it, and sends each of them the same answer; cancels
 *  it on request. A cancellation may arrive before the booking or during it: it then closes the order's keys at the
 *  carrier, which returns an existing booking, to be cancelled, or ensures that nothing is booked under them. */
export default defineWorker({
  name: 'shipping',
  settings: z.object({ carrierUrl: z.url({ protocol: /^https?$/ }).describe('URL of the carrier.') }),
  setup: ({ settings }) => ({ carrier: createCarrier(settings.carrierUrl) }),
  migrations,
  emits: ['shipment.created', 'shipment.failed', 'shipment.cancel', 'shipment.cancelled'],
  cycles: [
    {
      types: ['shipment.cancel'],
      reason: 'It is repeated only if the order was booked in the meantime, and then cancels that booking.',
    },
  ],
  on: {
    'shipment.create': async ({ data: { orderId, order } }, ctx) => {
      const { fulfilment } = order;
      const earlier = await readShipment(ctx.query, orderId);
      const parcel = parcelOf(orderId, order);
      const keys = keysOf(orderId);
      const call = <T>(request: (action: ExternalAction<Booked>) => Promise<T>) =>
        ctx.call('carrier', (signal) => request(bookingsAt(ctx.use.carrier, parcel, signal)), sideEffect);
      let outcome: Shipment = { status: 'failed', reason: 'cancelled' };
      if (earlier === undefined) {
        const answer = await call((action) => callOnce(action, keys));
        outcome = 'refused' in answer ? { ...outcome, reason: answer.refused } : { status: 'booked', ...answer };
      } else if (earlier.status !== 'booked' && ctx.mayHaveRunBefore) {
        const booked = await call((action) => closeAction(action, keys)); // by an attempt that stored no result
        if (booked !== undefined) outcome = { status: 'booked', ...booked };
      }
      ctx.write(async (tx) => {
        const known = await readShipment(tx.sql, orderId);
        const shipment = known ?? outcome;
        const unwanted = known !== undefined && isUnwanted(outcome, known);
        if (known === undefined || unwanted) await writeShipment(tx.sql, orderId, outcome);
        if (shipment.status === 'booked') {
          const { trackingNumber, estimatedDelivery } = shipment;
          await tx.emit('shipment.created', { orderId, trackingNumber, estimatedDelivery, fulfilment });
          return;
        }
        if (unwanted) await tx.emit('shipment.cancel', { orderId, reason: 'cancelled', fulfilment });
        const reason = shipment.status === 'failed' ? shipment.reason : 'cancelled';
        await tx.emit('shipment.failed', { orderId, reason, fulfilment });
      });
    },

    'shipment.cancel': async ({ data: { orderId, reason, fulfilment } }, ctx) => {
      const earlier = await readShipment(ctx.query, orderId);
      const booked =
        earlier === undefined
          ? await ctx.call(
              'carrier',
              (signal) => closeAction(closingAt(ctx.use.carrier, signal), keysOf(orderId)),
              sideEffect,
            )
          : bookingIn(earlier);
      if (booked !== undefined) {
        const { trackingNumber } = booked;
        await ctx.call('carrier', (signal) => ctx.use.carrier.cancel(trackingNumber, { signal }), sideEffect);
      }
      ctx.write(async (tx) => {
        const known = await readShipment(tx.sql, orderId);
        if (booked === undefined && known?.status === 'booked') {
          await tx.emit('shipment.cancel', { orderId, reason, fulfilment }); // booked since the shipment was read
          return;
        }
        if (booked !== undefined) await writeShipment(tx.sql, orderId, { status: 'cancelled', ...booked });
        else if (known === undefined) await writeShipment(tx.sql, orderId, { status: 'tombstone' });
        await tx.emit('shipment.cancelled', { orderId, reason, fulfilment });
      });
    },
  },
});

/** The keys of an order's booking. */
const keysOf = (orderId: string) => idempotencyKeys(`shipment-${orderId}`);

function parcelOf(orderId: string, { items, shippingAddress: address }: OrderDetails): Parcel {
  return { orderId, address, items: items.map(({ sku, quantity }) => ({ sku, quantity })) };
}

function bookingsAt(carrier: Carrier, parcel: Parcel, signal: AbortSignal): ExternalAction<Booked> {
  return { call: (key) => carrier.book(parcel, { key, signal }), ...closingAt(carrier, signal) };
}

function closingAt(carrier: Carrier, signal: AbortSignal): Pick<ExternalAction<Booked>, 'close'> {
  return { close: (key) => carrier.close({ key, signal }) };
}

/** The booking to cancel, if any. */
function bookingIn(shipment: Shipment): Booked | undefined {
  if (shipment.status !== 'booked') return undefined;
  const { trackingNumber, estimatedDelivery } = shipment;
  return { trackingNumber, estimatedDelivery };
}

/** Whether an unwanted booking exists: the order was refused or cancelled without it. */
function isUnwanted(outcome: Shipment, known: Shipment): boolean {
  if (outcome.status !== 'booked' || known.status === 'booked') return false;
  return known.status !== 'cancelled' || known.trackingNumber !== outcome.trackingNumber;
}
