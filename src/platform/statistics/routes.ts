import { defineRoute, readModel, type Route } from 'flotilla';
import { z } from 'zod';
import { dailySales } from '../read-models/daily-sales.js';
import { userStatistics } from '../read-models/user-statistics.js';
import { dailyPage, dailyQuery, listDailySales } from './daily.js';

const statistics = z.object({
  users: z.int(),
  orders: z.int(),
  /** Shipped. */
  completed: z.int(),
  /** Of what was shipped, by currency, in minor units. */
  revenue: z.record(z.string(), z.int()),
});

export const statisticsRoutes: Route[] = [
  defineRoute({
    method: 'get',
    path: '/statistics',
    summary: 'How many users and orders, how many of them shipped, and what they brought in',
    responses: { 200: statistics },
    handler: async ({ store }) => {
      const { headers } = await readModel(store, userStatistics.name);
      // in one statement, so that both are of one position
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
      return { status: 200, headers, body };
    },
  }),

  defineRoute({
    method: 'get',
    path: '/statistics/daily',
    summary: 'What was shipped on each day (UTC) and what it brought in, by currency, the oldest day first',
    query: dailyQuery,
    responses: { 200: dailyPage },
    handler: async ({ query, store }) => {
      const { headers } = await readModel(store, dailySales.name);
      return { status: 200, headers, body: await listDailySales(store.query, query) };
    },
  }),
];
