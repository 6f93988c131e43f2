import type { Sql } from 'flotilla';
import { cursor as cursorType, cursorOf } from 'flotilla/http';
import { z } from 'zod';
import { nextCursor } from '../fields.js';

const MAX_PAGE = 1_440;

/** The last line of a page. */
const position = cursorType('minutes', z.strictObject({ minute: z.int() }));

const time = z.iso.datetime({ offset: true });

/** `since` inclusive, `until` exclusive. `until` before `since` is not valid; an empty range is. */
export const minutesQuery = z
  .object({
    since: time.optional(),
    until: time.optional(),
    cursor: position.optional(),
    limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(60),
  })
  .refine(({ since, until }) => since === undefined || until === undefined || Date.parse(since) <= Date.parse(until), {
    path: ['until'],
    message: 'until is before since',
  });

const currencyOfMinute = z.object({
  currency: z.string(),
  orders: z.int(),
  revenue: z.int(),
  averageOrderValue: z.int(),
});

const minute = z
  .object({
    start: z.iso.datetime().describe('Inclusive'),
    end: z.iso.datetime().describe('Exclusive'),
    orders: z.int().describe('Created orders'),
    currencies: z.array(currencyOfMinute).describe('Amounts are in minor units'),
    revision: z.int().describe('The number of corrections because of orders that arrived late'),
    late: z.int().describe('The orders among them that arrived late'),
  })
  .meta({ id: 'OrderMinute', description: 'The orders that were created in a minute' });

export const minutesPage = z
  .object({ items: z.array(minute), nextCursor })
  .meta({ id: 'OrderMinutePage', description: 'A page of minutes' });

interface Row {
  minute: number;
  orders: number;
  revision: number;
  late: number;
  currencies: string;
}

/** A page of minutes, newest first, without minutes in which no order was created. */
export async function listMinutes(
  query: Sql,
  { since, until, cursor, limit }: z.output<typeof minutesQuery>,
): Promise<z.infer<typeof minutesPage>> {
  const from = since === undefined ? 0 : Date.parse(since);
  const before = until === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(until);
  const after = Math.min(before, cursor?.minute ?? before);
  const rows = await query<Row>`
    select minute, orders, revision, late, currencies from orders_per_minute
    where minute >= ${from} and minute < ${after} order by minute desc limit ${limit + 1}`;
  const items = rows.slice(0, limit).map((row) => ({
    start: new Date(Number(row.minute)).toISOString(),
    end: new Date(Number(row.minute) + 60_000).toISOString(),
    orders: Number(row.orders),
    currencies: JSON.parse(row.currencies) as z.infer<typeof currencyOfMinute>[],
    revision: Number(row.revision),
    late: Number(row.late),
  }));
  const last = rows[limit - 1];
  const hasMore = rows.length > limit && last !== undefined;
  return { items, nextCursor: hasMore ? cursorOf(position, { minute: Number(last.minute) }) : null };
}
