import { defineRoute, type Route } from 'flotilla';
import { z } from 'zod';

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
      const counts = await store.query<{ name: string; value: number }>`select name, value from statistics`;
      const count = (name: string) => Number(counts.find((row) => row.name === name)?.value ?? 0);
      const rows = await store.query<{ currency: string; amount: number }>`
        select currency, amount from statistics_revenue order by currency`;
      const revenue = Object.fromEntries(rows.map(({ currency, amount }) => [currency, Number(amount)]));
      const body = { users: count('users'), orders: count('orders'), completed: count('completed'), revenue };
      return { status: 200, body };
    },
  }),
];
