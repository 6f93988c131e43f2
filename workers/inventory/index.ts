import { PermanentError, type Sql } from 'flotilla';
import { defineWorker } from '#platform/catalogue.js';
import type { OrderLine } from '#platform/fields.js';
import type { StockLevel } from '#platform/inventory/events.js';
import { detailsOf } from '#platform/orders/events.js';
import { apply, effects, quantitiesOf, shortage } from './stock.js';
import { migrations, readReservation, readStock, writeReservation, writeStock } from './tables.js';

const initialStock = [
  { sku: 'item_1', quantity: 100 },
  { sku: 'item_2', quantity: 50 },
  { sku: 'item_3', quantity: 75 },
];

/** Manages the stock: the quantity of each SKU on hand, and the reserved part of it. Each order is decided once, and a
 *  repeated command receives the same answer. A reservation ends once, shipped or released; items that are released
 *  after the shipment return to the stock. */
export default defineWorker({
  name: 'inventory',
  migrations,
  emits: ['inventory.reserved', 'inventory.rejected', 'inventory.released', 'inventory.adjusted'],
  bootstrap: (ctx) => {
    ctx.write(async (tx) => {
      for (const change of initialStock) {
        const levels = apply([], [change], effects.adjust);
        await writeStock(tx.sql, levels);
        const adjusted = { reason: 'initial stock', changes: [change], levels };
        await tx.emit('inventory.adjusted', adjusted, { subject: `stock/${change.sku}` });
      }
    });
  },
  on: {
    'inventory.reserve': ({ data: { orderId, order } }, ctx) => {
      ctx.write(async (tx) => {
        const { fulfilment } = order;
        const decided = await decide(tx.sql, orderId, order.items);
        if ('reason' in decided) await tx.emit('inventory.rejected', { orderId, reason: decided.reason, fulfilment });
        else await tx.emit('inventory.reserved', { orderId, order: detailsOf(order), levels: decided.levels });
      });
    },

    'inventory.release': ({ data: { orderId, reason, fulfilment } }, ctx) => {
      ctx.write(async (tx) => {
        const reservation = await readReservation(tx.sql, orderId);
        if (reservation?.state !== 'reserved' && reservation?.state !== 'shipped') {
          if (reservation === undefined) {
            await writeReservation(tx.sql, orderId, { state: 'tombstone', quantities: [] });
          }
          await tx.emit('inventory.released', { orderId, reason, fulfilment, levels: [] });
          return;
        }
        const { state, quantities } = reservation;
        const stock = await readStock(tx.sql, quantities);
        const levels = apply(stock, quantities, state === 'shipped' ? effects.returnToStock : effects.release);
        await writeStock(tx.sql, levels);
        await writeReservation(tx.sql, orderId, { state: 'released', quantities });
        await tx.emit('inventory.released', { orderId, reason, fulfilment, levels });
      });
    },

    'shipment.created': ({ data: { orderId } }, ctx) => {
      ctx.write(async (tx) => {
        const reservation = await readReservation(tx.sql, orderId);
        if (reservation?.state !== 'reserved') return; // released in the meantime: the shipment was cancelled
        const { quantities } = reservation;
        const levels = apply(await readStock(tx.sql, quantities), quantities, effects.ship);
        await writeStock(tx.sql, levels);
        await writeReservation(tx.sql, orderId, { state: 'shipped', quantities });
        const changes = quantities.map(({ sku, quantity }) => ({ sku, quantity: -quantity }));
        await tx.emit('inventory.adjusted', { orderId, reason: 'shipped', changes, levels });
      });
    },

    'inventory.adjust': ({ data: { sku, quantity, reason } }, ctx) => {
      ctx.write(async (tx) => {
        const changes = [{ sku, quantity }];
        const stock = await readStock(tx.sql, changes);
        const levels = apply(stock, changes, effects.adjust);
        if (levels.some(({ onHand, reserved }) => onHand < reserved)) {
          const reserved = stock[0]?.reserved ?? 0;
          throw new PermanentError(
            'inventory.below_reserved',
            `${quantity} would leave less of ${sku} than the ${reserved} reserved`,
          );
        }
        await writeStock(tx.sql, levels);
        await tx.emit('inventory.adjusted', { reason, changes, levels });
      });
    },
  },
});

/** Reserves all of an order's items or none, and returns the new levels or the reason for the refusal. For an order
 *  that was already decided, returns that decision with the current levels, whose versions do not change. */
async function decide(
  sql: Sql,
  orderId: string,
  items: readonly OrderLine[],
): Promise<{ levels: StockLevel[] } | { reason: string }> {
  const earlier = await readReservation(sql, orderId);
  switch (earlier?.state) {
    case 'reserved':
    case 'shipped':
      return { levels: await readStock(sql, earlier.quantities) };
    case 'rejected':
      return { reason: earlier.reason ?? 'rejected before' };
    case 'released':
    case 'tombstone':
      return { reason: 'cancelled' };
    case undefined:
  }
  const quantities = quantitiesOf(items);
  const stock = await readStock(sql, quantities);
  const reason = shortage(stock, quantities);
  if (reason !== undefined) {
    await writeReservation(sql, orderId, { state: 'rejected', quantities: [], reason });
    return { reason };
  }
  const levels = apply(stock, quantities, effects.reserve);
  await writeStock(sql, levels);
  await writeReservation(sql, orderId, { state: 'reserved', quantities });
  return { levels };
}
