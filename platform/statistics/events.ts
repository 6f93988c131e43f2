import { event, windowResult } from 'flotilla';
import { z } from 'zod';
import { amount, currency } from '../fields.js';

/** The orders of a minute in one currency. */
const currencyMetrics = z.strictObject({
  currency,
  orders: z.int().min(1),
  revenue: amount,
  /** Rounded to a minor unit. */
  averageOrderValue: amount,
});

export const statisticsEvents = {
  'order.metrics': event({ 1: windowResult({ currencies: z.array(currencyMetrics).max(200) }) }),
};
