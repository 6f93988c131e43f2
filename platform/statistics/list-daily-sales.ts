import type { Sql } from 'flotilla';
import { cursor as cursorType, cursorOf } from 'flotilla/http';
import { z } from 'zod';
import { currency, nextCursor } from '../fields.js';

const MAX_PAGE = 366;
const BEFORE_ALL = '0000-01-01';
const AFTER_ALL = '9999-12-32';

const day = z.iso.date();

/** The last line of a page. */
const position = cursorType('daily-sales', z.strictObject({ day, currency }));

/** `since` inclusive, `until` exclusive. `until` before `since` is not valid; an empty range is. */
export const dailyQuery = z
  .object({
    since: day.optional(),
    until: day.optional(),
    currency: currency.optional(),
    cursor: position.optional(),
    limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(31),
  })
  .refine(({ since = BEFORE_ALL, until = AFTER_ALL }) => since <= until, {
    path: ['until'],
    message: 'until is before since',
  });

const daily = z
  .object({ day, currency: z.string(), orders: z.int(), revenue: z.int() })
  .meta({ id: 'DailySales', description: 'The shipped orders of a day in one currency' });

export const dailyPage = z
  .object({ items: z.array(daily), nextCursor })
  .meta({ id: 'DailySalesPage', description: 'A page of daily sales' });

type Daily = z.infer<typeof daily>;

/** A page of days, oldest first, without days on which nothing was shipped. */
export async function listDailySales(
  query: Sql,
  { since = BEFORE_ALL, until = AFTER_ALL, currency: only, cursor, limit }: z.output<typeof dailyQuery>,
): Promise<z.infer<typeof dailyPage>> {
  const after = cursor ?? { day: '', currency: '' };
  const rows =
    only === undefined
      ? await query<Daily>`
          select day, currency, orders, revenue from daily_sales
          where day >= ${since} and day < ${until} and (day, currency) > (${after.day}, ${after.currency})
          order by day, currency limit ${limit + 1}`
      : await query<Daily>`
          select day, currency, orders, revenue from daily_sales
          where currency = ${only} and day >= ${since} and day < ${until} and day > ${after.day}
          order by day limit ${limit + 1}`;
  const items = rows
    .slice(0, limit)
    .map((row) => ({ ...row, orders: Number(row.orders), revenue: Number(row.revenue) }));
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, nextCursor: more ? cursorOf(position, { day: last.day, currency: last.currency }) : null };
}
