import { command, event } from 'flotilla';
import { z } from 'zod';
import { id, reason, sku } from '../fields.js';
import { orderDetails } from '../orders/events.js';
import { marked } from '../orders/fulfilment/fulfilment.js';

/** A SKU after a change. `version` increases by one with each change of that SKU, so that a consumer that receives the
 *  events in another order can determine the newest. */
const level = z.strictObject({
  sku,
  onHand: z.int().min(0),
  reserved: z.int().min(0),
  version: z.int().min(1),
});

export type StockLevel = z.infer<typeof level>;

const levels = z.array(level).max(100);

/** Signed: positive for incoming goods. */
export const adjustment = z.int().min(-1_000_000_000).max(1_000_000_000);

export const inventoryEvents = {
  'inventory.reserve': command({ 1: z.strictObject({ orderId: id, order: orderDetails }) }),
  'inventory.reserved': event({ 1: z.strictObject({ orderId: id, order: orderDetails, levels }) }),
  'inventory.rejected': event({ 1: z.strictObject({ orderId: id, reason, ...marked }) }),
  'inventory.release': command({ 1: z.strictObject({ orderId: id, reason: reason.optional(), ...marked }) }),
  /** `levels` is empty if nothing was reserved. */
  'inventory.released': event({ 1: z.strictObject({ orderId: id, reason: reason.optional(), levels, ...marked }) }),
  'inventory.adjust': command({ 1: z.strictObject({ sku, quantity: adjustment, reason }) }),
  'inventory.adjusted': event({
    1: z.strictObject({
      reason,
      changes: z
        .array(z.strictObject({ sku, quantity: adjustment }))
        .min(1)
        .max(100),
      levels,
      orderId: id.optional(),
    }),
  }),
};
