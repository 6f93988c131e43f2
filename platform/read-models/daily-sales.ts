import { defineProjection } from '../catalogue.js';

/** The number of shipped orders and the revenue of each day (UTC), by currency. */
export const dailySales = defineProjection({
  name: 'daily-sales',
  version: 1,
  tables: {
    daily_sales: `
      create table daily_sales (
        day text not null,
        currency text not null,
        orders bigint not null,
        revenue bigint not null,
        primary key (day, currency)
      );
      create index daily_sales_by_currency on daily_sales (currency, day);`,
    daily_sales_open: `
      create table daily_sales_open (order_id text not null primary key, currency text not null, total bigint not null)`,
  },
  on: {
    'order.created': async ({ data: { orderId, currency, total } }, { sql }) => {
      await sql`insert into daily_sales_open (order_id, currency, total) values (${orderId}, ${currency}, ${total})`;
    },

    'order.status_changed': async ({ data: { orderId, status }, time }, { sql }) => {
      if (status !== 'shipped') return;
      const [order] = await sql<{ currency: string; total: number }>`
        delete from daily_sales_open where order_id = ${orderId} returning currency, total`;
      if (order === undefined) return;
      const day = new Date(time).toISOString().slice(0, 10);
      await sql`
        insert into daily_sales (day, currency, orders, revenue) values (${day}, ${order.currency}, 1, ${order.total})
        on conflict (day, currency) do update
        set orders = daily_sales.orders + 1, revenue = daily_sales.revenue + excluded.revenue`;
    },
  },
});
