import { z } from 'zod';
import { defineWorker } from '../../src/platform/catalogue.js';
import { createCarrier } from './carrier.js';
import { migrations, readShipment, writeShipment, type Shipment } from './tables.js';

const nothing: Shipment = { trackingNumber: null, estimatedDelivery: null, status: 'tombstone' };

/** Books an order's shipment with the carrier, and cancels it when asked to. A cancellation may come before the booking
 *  or while that is under way: the booking then either does not happen or is cancelled. Where an earlier attempt may have
 *  reached the carrier and nothing was noted, the carrier is asked again under the same key, and its booking cancelled. */
export default defineWorker({
  name: 'shipping',
  settings: z.object({ carrierUrl: z.url() }),
  setup: ({ settings }) => ({ carrier: createCarrier(settings.carrierUrl) }),
  migrations,
  emits: ['shipment.created', 'shipment.failed', 'shipment.cancel', 'shipment.cancelled'],
  on: {
    'shipment.create': async ({ data: { orderId, order } }, ctx) => {
      const earlier = await readShipment(ctx.query, orderId);
      if (earlier?.status === 'cancelled' || (earlier?.status === 'tombstone' && !ctx.mayHaveBegun)) {
        ctx.emit('shipment.failed', { orderId, reason: 'cancelled' });
        return;
      }
      if (earlier !== undefined && earlier.status !== 'tombstone') return; // this order was answered already
      const items = order.items.map(({ sku, quantity }) => ({ sku, quantity }));
      const parcel = { orderId, address: order.shippingAddress, items };
      const result = await ctx.call('carrier', (signal) => ctx.use.carrier.book(parcel, { key: ctx.key, signal }));
      ctx.write(async (tx) => {
        const cancelledMeanwhile = (await readShipment(tx.sql, orderId))?.status === 'tombstone';
        if (!result.booked) {
          if (!cancelledMeanwhile) await writeShipment(tx.sql, orderId, { ...nothing, status: 'failed' });
          await tx.emit('shipment.failed', { orderId, reason: result.reason });
          return;
        }
        const { trackingNumber, estimatedDelivery } = result;
        await writeShipment(tx.sql, orderId, { trackingNumber, estimatedDelivery, status: 'booked' });
        if (cancelledMeanwhile) await tx.emit('shipment.cancel', { orderId, reason: 'cancelled' });
        else await tx.emit('shipment.created', { orderId, trackingNumber, estimatedDelivery });
      });
    },

    'shipment.cancel': async ({ data: { orderId, reason } }, ctx) => {
      const shipment = await readShipment(ctx.query, orderId);
      if (shipment?.status === 'booked' && shipment.trackingNumber !== null) {
        const { trackingNumber } = shipment;
        await ctx.call('carrier', (signal) => ctx.use.carrier.cancel(trackingNumber, { signal }));
        ctx.write(async (tx) => {
          await writeShipment(tx.sql, orderId, { ...shipment, status: 'cancelled' });
          await tx.emit('shipment.cancelled', { orderId, reason });
        });
        return;
      }
      ctx.write(async (tx) => {
        const now = await readShipment(tx.sql, orderId);
        if (now?.status === 'booked') {
          await tx.emit('shipment.cancel', { orderId, reason }); // booked since it was looked at
          return;
        }
        if (now === undefined) await writeShipment(tx.sql, orderId, nothing);
        await tx.emit('shipment.cancelled', { orderId, reason });
      });
    },
  },
});
