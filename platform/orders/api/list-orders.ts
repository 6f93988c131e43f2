import type { Sql } from 'flotilla';
import { cursor as cursorType, cursorOf } from 'flotilla/http';
import { z } from 'zod';
import { nextCursor, orderLine } from '../../fields.js';
import { orderBody, type OrderBody } from './order-body.js';
import { orderStatuses, type OrderStatus } from '../status/status.js';

const MAX_PAGE = 100;

/** Greater than every id that the server creates, in every collation: these begin with a hexadecimal digit. */
const AFTER_ALL = 'g';

/** The last order of a page. */
const position = cursorType('orders', z.string().min(1).max(64));

export const listQuery = z.object({
  cursor: position.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(20),
  status: z.enum(orderStatuses).optional(),
});

interface Row {
  order_id: string;
  user_id: string;
  status: OrderStatus;
  version: number;
  currency: string;
  total: number;
  items: string;
  created_at: string;
  updated_at: string;
  reason: string | null;
  tracking_number: string | null;
  estimated_delivery: string | null;
}

export const orderPage = z
  .object({ items: z.array(orderBody), nextCursor })
  .meta({ id: 'OrderPage', description: 'A page of orders' });

type OrderPage = z.infer<typeof orderPage>;

/** A page of orders from the read model, newest first: a new order may be missing for a moment. Orders that are created
 *  in the meantime do not shift later pages. */
export async function listOrders(
  query: Sql,
  { cursor, limit, status }: z.output<typeof listQuery>,
): Promise<OrderPage> {
  const before = cursor ?? AFTER_ALL;
  const rows =
    status === undefined
      ? await query<Row>`
          select * from order_summary where order_id < ${before}
          order by order_id desc limit ${limit + 1}`
      : await query<Row>`
          select * from order_summary where status = ${status} and order_id < ${before}
          order by order_id desc limit ${limit + 1}`;
  const items = rows.slice(0, limit).map(present);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? cursorOf(position, last.id) : null };
}

function present(row: Row): OrderBody {
  return {
    id: row.order_id,
    userId: row.user_id,
    status: row.status,
    total: Number(row.total),
    currency: row.currency,
    items: z.array(orderLine).parse(JSON.parse(row.items)),
    trackingNumber: row.tracking_number ?? undefined,
    estimatedDelivery: row.estimated_delivery ?? undefined,
    reason: row.reason ?? undefined,
    version: Number(row.version),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
