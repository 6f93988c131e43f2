import { defineWorker } from '#platform/catalogue.js';
import { ordersPerMinute } from '#platform/read-models/orders-per-minute.js';
import { orderMetrics } from '#platform/statistics/order-metrics.js';
import { dailySales } from '#platform/read-models/daily-sales.js';
import { userStatistics } from '#platform/read-models/user-statistics.js';

/** Updates the projections of `GET /statistics`, from the events of the store that it shares, and computes the metrics of
 *  orders by minute. */
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
    {
      name: 'statistics are a projection',
      sql: `
        drop table statistics;
        drop table statistics_revenue;
        drop table statistics_orders;
      `,
    },
  ],
  projections: [userStatistics, dailySales, ordersPerMinute],
  windows: [orderMetrics],
});
