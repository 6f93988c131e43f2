import { defineRoute, type Route } from 'flotilla';
import { z } from 'zod';
import { create } from '../catalogue.js';
import { reason, sku } from '../fields.js';
import { adjustment } from './events.js';

const stockItem = z.object({ sku: z.string(), onHand: z.int(), reserved: z.int(), available: z.int() });

interface Row {
  sku: string;
  on_hand: number;
  reserved: number;
}

export const inventoryRoutes: Route[] = [
  defineRoute({
    method: 'get',
    path: '/inventory',
    summary: 'The stock, as last heard from the warehouse',
    responses: { 200: z.object({ items: z.array(stockItem) }) },
    handler: async ({ store }) => {
      const rows = await store.query<Row>`select sku, on_hand, reserved from inventory_view order by sku`;
      const items = rows.map((row) => {
        const onHand = Number(row.on_hand);
        const reserved = Number(row.reserved);
        return { sku: row.sku, onHand, reserved, available: onHand - reserved };
      });
      return { status: 200, body: { items } };
    },
  }),

  defineRoute({
    method: 'post',
    path: '/inventory/:sku/adjustments',
    summary: 'Ask for a change of stock; the warehouse refuses to go below what is reserved',
    params: z.object({ sku }),
    body: z.strictObject({ quantity: adjustment.refine((quantity) => quantity !== 0, 'not 0'), reason }),
    responses: { 202: z.object({ id: z.string() }) },
    handler: ({ params, body, origin, commit }) =>
      commit(async (tx) => {
        const subject = `stock/${params.sku}`;
        const asked = create('inventory.adjust', { sku: params.sku, ...body }, origin(subject));
        await tx.append(subject, 'any', [asked]);
        return { status: 202, body: { id: asked.id } };
      }),
  }),
];
