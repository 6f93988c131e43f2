import { defineRoute, type Route } from 'flotilla/http';
import { z } from 'zod';
import views from '../read-models/views.js';
import { create } from '../catalogue.js';
import { reason, sku } from '../fields.js';
import { adjustment } from './events.js';

const tag = 'Inventory';

const stock = z
  .object({
    items: z.array(
      z
        .object({ sku: z.string(), onHand: z.int(), reserved: z.int(), available: z.int() })
        .meta({ id: 'StockItem', description: 'The stock of one SKU' }),
    ),
  })
  .meta({ id: 'Stock', description: 'The stock of every SKU' });

const stockAdjustment = z
  .strictObject({
    quantity: adjustment.refine((quantity) => quantity !== 0, 'must not be 0').meta({ not: { const: 0 } }),
    reason,
  })
  .meta({ id: 'StockAdjustment', description: 'A change of the quantity on hand' });

const accepted = z
  .object({ id: z.string().describe('The id of the command') })
  .meta({ id: 'AcceptedCommand', description: 'A command that will be carried out' });

interface Row {
  sku: string;
  on_hand: number;
  reserved: number;
}

export const inventoryRoutes: Route[] = [
  defineRoute({
    method: 'get',
    path: '/inventory',
    operationId: 'listStock',
    tag,
    summary: 'List the stock',
    description: 'As last reported by the warehouse.',
    responses: { 200: stock },
    reads: [views],
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
    operationId: 'adjustStock',
    tag,
    summary: 'Request a change of stock',
    description: 'The warehouse refuses an adjustment to less than what is reserved.',
    params: z.object({ sku }),
    body: stockAdjustment,
    emits: ['inventory.adjust'],
    responses: { 202: accepted },
    handler: ({ params, body, origin, commit }) =>
      commit(async (tx) => {
        const subject = `stock/${params.sku}`;
        const adjustment = create('inventory.adjust', { sku: params.sku, ...body }, origin(subject));
        await tx.append(subject, 'any', [adjustment]);
        return { status: 202, body: { id: adjustment.id } };
      }),
  }),
];
