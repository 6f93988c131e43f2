import { defineLoad, type EndedItem } from 'flotilla';
import { z } from 'zod';
import { orderStatuses, type OrderStatus } from '../status/status.js';
import { Customer, orderOf } from './customer.js';

/** Enough for as many orders. */
const SUPPLY = 1_000_000;
const PAGE = 100;
/** Newer orders are read in pages, and of the older ones this many at once, each by itself. */
const MAX_PAGES = 10;
const OLDER = 20;

const order = z.object({
  id: z.string(),
  status: z.enum(orderStatuses),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
const page = z.object({ items: z.array(order), nextCursor: z.string().nullable() });

type Order = z.infer<typeof order>;

/** Places orders and waits until they are shipped, or end otherwise. */
export const ordersLoad = defineLoad({
  description: 'orders of one item; done: shipped, failed: ended otherwise, or stuck',
  options: z.object({
    tokens: z
      .string()
      .regex(/^\w+(,\w+)*$/, 'payment tokens with commas between them')
      .default('tok_ok')
      .describe('payment tokens, taken in turn'),
  }),
  async start({ tokens }, { api, token }) {
    const customer = new Customer(api, token);
    const { id: userId } = await customer.register();
    await customer.supply('item_1', SUPPLY);
    const choices = tokens.split(',');
    let sent = 0;
    return {
      async send() {
        const body = orderOf(userId, choices[sent++ % choices.length] ?? '');
        return (await customer.request('POST', '/orders', z.object({ id: z.string() }), body)).id;
      },
      ended: async (open) => (await currentOrders(customer, open)).flatMap(endOf),
    };
  },
});

/** The given orders, as far as they are in the list of orders. */
async function currentOrders(customer: Customer, open: readonly string[]): Promise<Order[]> {
  const wanted = new Set(open);
  const found: Order[] = [];
  let cursor: string | null = '';
  for (let pages = 0; cursor !== null && pages < MAX_PAGES && wanted.size > 0; pages += 1) {
    const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { items, nextCursor } = await customer.request('GET', `/orders?limit=${PAGE}${after}`, page);
    for (const item of items) if (wanted.delete(item.id)) found.push(item);
    cursor = nextCursor;
  }
  const older = [...wanted].slice(0, OLDER);
  return [...found, ...(await Promise.all(older.map((id) => customer.request('GET', `/orders/${id}`, order))))];
}

function endOf({ id, status, createdAt, updatedAt }: Order): EndedItem[] {
  if (OPEN.has(status)) return [];
  const milliseconds = Date.parse(updatedAt) - Date.parse(createdAt);
  return [{ id, outcome: status === 'shipped' ? 'done' : 'failed', milliseconds }];
}

const OPEN: ReadonlySet<OrderStatus> = new Set<OrderStatus>(['pending', 'reserved', 'paid']);
