import type { Sql } from 'flotilla';
import { defineProjection } from '../catalogue.js';

/** The numbers of users, orders and shipped orders, and the revenue. */
export const userStatistics = defineProjection({
  name: 'user-statistics',
  version: 1,
  tables: {
    user_statistics: `
      create table user_statistics (name text not null primary key, amount bigint not null)`,
    user_statistics_revenue: `
      create table user_statistics_revenue (currency text not null primary key, amount bigint not null)`,
    // the value of an order, which its shipment event does not contain
    user_statistics_open: `
      create table user_statistics_open (order_id text not null primary key, currency text not null, total bigint not null)`,
  },
  on: {
    'user.created': (_event, { sql }) => increment(sql, 'users'),

    'order.created': async ({ data: { orderId, currency, total } }, { sql }) => {
      await increment(sql, 'orders');
      await sql`insert into user_statistics_open (order_id, currency, total) values (${orderId}, ${currency}, ${total})`;
    },

    'order.status_changed': async ({ data: { orderId, status } }, { sql }) => {
      if (status !== 'shipped') return;
      const [order] = await sql<{ currency: string; total: number }>`
        delete from user_statistics_open where order_id = ${orderId} returning currency, total`;
      if (order === undefined) return;
      await increment(sql, 'completed');
      await sql`
        insert into user_statistics_revenue (currency, amount) values (${order.currency}, ${order.total})
        on conflict (currency) do update set amount = user_statistics_revenue.amount + excluded.amount`;
    },
  },
});

async function increment(sql: Sql, name: 'users' | 'orders' | 'completed'): Promise<void> {
  await sql`
    insert into user_statistics (name, amount) values (${name}, 1)
    on conflict (name) do update set amount = user_statistics.amount + 1`;
}
