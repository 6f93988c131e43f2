import type { Sql } from 'flotilla';
import { defineWorker } from '../../src/platform/catalogue.js';

/** Counts what `GET /statistics` tells. Each event is counted once, because its inbox row is committed with the sums.
 *  An order counts as completed when both its amount and its shipment are known, in whichever order they come. */
export default defineWorker({
  name: 'analytics',
  store: 'core',
  migrations: [
    {
      name: 'statistics',
      sql: `
        create table statistics (name text primary key, value bigint not null);
        create table statistics_revenue (currency text primary key, amount bigint not null);
        create table statistics_orders (
          order_id text primary key,
          currency text,
          total bigint,
          shipped integer not null,
          counted integer not null
        );
      `,
    },
  ],
  on: {
    'user.created': (_event, ctx) => {
      ctx.write(({ sql }) => increment(sql, 'users'));
    },
    'order.created': ({ data: { orderId, currency, total } }, ctx) => {
      ctx.write(async ({ sql }) => {
        await increment(sql, 'orders');
        await sql`
          insert into statistics_orders (order_id, currency, total, shipped, counted)
          values (${orderId}, ${currency}, ${total}, 0, 0)
          on conflict (order_id) do update set currency = excluded.currency, total = excluded.total`;
        await countIfComplete(sql, orderId);
      });
    },
    'order.status_changed': ({ data: { orderId, status } }, ctx) => {
      if (status !== 'shipped') return;
      ctx.write(async ({ sql }) => {
        await sql`
          insert into statistics_orders (order_id, currency, total, shipped, counted)
          values (${orderId}, ${null}, ${null}, 1, 0)
          on conflict (order_id) do update set shipped = 1`;
        await countIfComplete(sql, orderId);
      });
    },
  },
});

async function increment(sql: Sql, name: string): Promise<void> {
  await sql`
    insert into statistics (name, value) values (${name}, 1)
    on conflict (name) do update set value = statistics.value + 1`;
}

async function countIfComplete(sql: Sql, orderId: string): Promise<void> {
  const [order] = await sql<{ currency: string; total: number }>`
    update statistics_orders set counted = 1
    where order_id = ${orderId} and counted = 0 and shipped = 1 and currency is not null
    returning currency, total`;
  if (order === undefined) return;
  await increment(sql, 'completed');
  await sql`
    insert into statistics_revenue (currency, amount) values (${order.currency}, ${order.total})
    on conflict (currency) do update set amount = statistics_revenue.amount + excluded.amount`;
}
