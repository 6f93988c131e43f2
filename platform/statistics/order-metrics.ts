import { tumbling } from 'flotilla';
import { defineWindows } from '../catalogue.js';

interface Total {
  orders: number;
  revenue: number;
}

/** The number, the revenue and the average value of the orders that were created in a minute, by currency. An order that
 *  arrives late is added by a correction. */
export const orderMetrics = defineWindows({
  name: 'order-metrics',
  version: 1,
  window: tumbling('1m'),
  grace: '5s',
  initial: (): Record<string, Total> => ({}),
  on: {
    'order.created': (totals, { data: { currency, total } }) => {
      const { orders, revenue } = totals[currency] ?? { orders: 0, revenue: 0 };
      return { ...totals, [currency]: { orders: orders + 1, revenue: revenue + total } };
    },
  },
  emits: 'order.metrics',
  result: (totals) => ({
    currencies: Object.entries(totals)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([currency, { orders, revenue }]) => {
        return { currency, orders, revenue, averageOrderValue: Math.round(revenue / orders) };
      }),
  }),
});
