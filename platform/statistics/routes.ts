import { defineRoute, type Route } from 'flotilla/http';
import { z } from 'zod';
import { dailySales } from '../read-models/daily-sales.js';
import { userStatistics } from '../read-models/user-statistics.js';
import { ordersPerMinute } from '../read-models/orders-per-minute.js';
import { dailyPage, dailyQuery, listDailySales } from './list-daily-sales.js';
import { listMinutes, minutesPage, minutesQuery } from './list-minutes.js';

const tag = 'Statistics';

const statistics = z
  .object({
    users: z.int(),
    orders: z.int(),
    completed: z.int().describe('Shipped orders'),
    revenue: z.record(z.string(), z.int()).describe('Of shipped orders by currency, in minor units'),
  })
  .meta({ id: 'Statistics', description: 'Totals' });

export const statisticsRoutes: Route[] = [
  defineRoute({
    method: 'get',
    path: '/statistics',
    operationId: 'getStatistics',
    tag,
    summary: 'Read the totals',
    description: 'The number of users and orders, and the revenue, from a read model.',
    responses: { 200: statistics },
    reads: [userStatistics],
    handler: async ({ store }) => {
      // in one statement, so that both are from the same position
      const rows = await store.query<{ kind: 'count' | 'revenue'; name: string; amount: number }>`
        select 'count' as kind, name, amount from user_statistics
        union all select 'revenue' as kind, currency as name, amount from user_statistics_revenue
        order by kind, name`;
      const ofKind = (wanted: string) =>
        Object.fromEntries(
          rows.filter(({ kind }) => kind === wanted).map(({ name, amount }) => [name, Number(amount)]),
        );
      const { users = 0, orders = 0, completed = 0 } = ofKind('count');
      const body = { users, orders, completed, revenue: ofKind('revenue') };
      return { status: 200, body };
    },
  }),

  defineRoute({
    method: 'get',
    path: '/statistics/daily',
    operationId: 'listDailySales',
    tag,
    summary: 'List shipped orders and revenue by day and currency',
    description: 'Oldest first, from a read model. Days are in UTC.',
    query: dailyQuery,
    responses: { 200: dailyPage },
    reads: [dailySales],
    handler: async ({ query, store }) => ({ status: 200, body: await listDailySales(store.query, query) }),
  }),

  defineRoute({
    method: 'get',
    path: '/statistics/minutes',
    operationId: 'listOrderMinutes',
    tag,
    summary: 'List created orders, revenue and average order value by minute',
    description:
      'Newest first, from a read model. A minute appears 5 seconds after its end, or 35 seconds if no order follows. An order that arrives later corrects it, with the next `revision`. Minutes without orders are left out.',
    query: minutesQuery,
    responses: { 200: minutesPage },
    reads: [ordersPerMinute],
    handler: async ({ query, store }) => ({ status: 200, body: await listMinutes(store.query, query) }),
  }),
];
