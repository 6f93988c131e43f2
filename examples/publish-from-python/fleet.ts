import { baseCatalogue, catalogue, defineFleet, event, fromOutside } from 'flotilla';
import { z } from 'zod';

const warehouse = catalogue(baseCatalogue, {
  'stock.delivered': fromOutside(
    event({ 1: z.strictObject({ sku: z.string(), quantity: z.int().min(1) }) }),
    'https://erp.example.org/warehouse',
  ),
});

/** Adds up what was delivered. */
const stock = warehouse.defineWorker({
  name: 'stock',
  migrations: [{ name: 'stock', sql: 'create table stock (sku text primary key, quantity integer not null);' }],
  on: {
    'stock.delivered': ({ data: { sku, quantity } }, ctx) => {
      ctx.write(async ({ sql }) => {
        await sql`
          insert into stock (sku, quantity) values (${sku}, ${quantity})
          on conflict (sku) do update set quantity = stock.quantity + excluded.quantity`;
      });
    },
  },
});

export default defineFleet({ catalogue: warehouse, workers: [stock] });
