import { readStream, type StreamReader } from 'flotilla';
import { ProblemError, type Reply } from 'flotilla/http';
import { z } from 'zod';
import { platform } from '../../catalogue.js';
import { orderLine } from '../../fields.js';
import { order as decider } from '../order.js';
import { orderNotFound } from './problems.js';
import { orderStatuses } from '../status/status.js';

/** An order in the API, without the payment token and the address. */
export const orderBody = z
  .object({
    id: z.string(),
    userId: z.string(),
    status: z.enum(orderStatuses).meta({ id: 'OrderStatus', description: 'How far an order is, or how it ended' }),
    total: z.int().describe('In minor units of the currency'),
    currency: z.string(),
    items: z.array(orderLine.meta({ id: 'OrderLine', description: 'A position of an order' })),
    trackingNumber: z.string().optional(),
    estimatedDelivery: z.string().optional(),
    reason: z.string().optional().describe('Why the order was cancelled, failed or is stuck'),
    version: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Order', description: 'An order' });

export type OrderBody = z.infer<typeof orderBody>;

const unknownOrder = { state: decider.initial, version: 0 };

/** Resolves with the reply that contains the order in its current state, rebuilt from its events. Throws
 *  `order.not_found`. */
export async function presentOrder(status: number, reader: StreamReader, id: string): Promise<Reply> {
  let order = unknownOrder;
  let createdAt: string | undefined;
  let updatedAt = '';
  for await (const page of readStream(reader, `order/${id}`)) {
    createdAt ??= page[0]?.event.time;
    updatedAt = page.at(-1)?.event.time ?? updatedAt;
    order = platform.rehydrate(decider, page, order);
  }
  const { state, version } = order;
  const { orderId, details, status: shown, detail, stuckBecause } = state;
  if (details === undefined || createdAt === undefined) throw new ProblemError(orderNotFound);
  const { userId, total, currency, items } = details;
  const body = {
    id: orderId,
    userId,
    status: shown,
    total,
    currency,
    items,
    ...detail,
    ...(shown === 'stuck' && { reason: stuckBecause }),
    version,
    createdAt,
    updatedAt,
  } satisfies OrderBody;
  return { status, body, version };
}
