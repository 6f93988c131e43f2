import { defineRoute, readModel, type Route } from 'flotilla';
import { z } from 'zod';
import { userStatistics } from '../read-models/user-statistics.js';
import { dailyPage, dailyQuery, listDailySales } from './daily.js';
import { dailySales } from '../read-models/daily-sales.js';

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
      const counts = await store.query<{ name: string; amount: number }>`select name, amount from user_statistics`;
      const count = (name: string) => Number(counts.find((row) => row.name === name)?.amount ?? 0);
      const rows = await store.query<{ currency: string; amount: number }>`
        select currency, amount from user_statistics_revenue order by currency`;
      const revenue = Object.fromEntries(rows.map(({ currency, amount }) => [currency, Number(amount)]));
      const body = { users: count('users'), orders: count('orders'), completed: count('completed'), revenue };
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
