import { ProblemError, rehydrate, type StoredEvent } from 'flotilla';
import { z } from 'zod';
import { platform } from '../catalogue.js';
import { orderLine } from '../fields.js';
import { order } from './order.js';
import { orderStatuses } from './status.js';

/** An order as the API shows it: without the payment token and the address. */
export const orderBody = z.object({
  id: z.string(),
  userId: z.string(),
  status: z.enum(orderStatuses),
  total: z.int(),
  currency: z.string(),
  items: z.array(orderLine),
  trackingNumber: z.string().optional(),
  estimatedDelivery: z.string().optional(),
  reason: z.string().optional(),
  version: z.int(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

export type OrderBody = z.infer<typeof orderBody>;

export function orderNotFound(): ProblemError {
  return new ProblemError(404, 'order.not_found', 'There is no such order');
}

/** The order that a stream tells of. Throws `order.not_found`. */
export function presentOrder(events: readonly StoredEvent[]): OrderBody {
  const { state, version } = rehydrate(platform.definitions, order, events);
  const { orderId, details, status, detail, stuckBecause } = state;
  const first = events[0];
  const last = events.at(-1);
  if (details === undefined || first === undefined || last === undefined) throw orderNotFound();
  const { userId, total, currency, items } = details;
  return {
    id: orderId,
    userId,
    status,
    total,
    currency,
    items,
    ...detail,
    ...(status === 'stuck' && { reason: stuckBecause }),
    version,
    createdAt: first.event.time,
    updatedAt: last.event.time,
  };
}

export const historyItem = z.object({
  id: z.string(),
  type: z.string(),
  time: z.iso.datetime(),
  version: z.int(),
  correlationId: z.string(),
  causationId: z.string().optional(),
  data: z.unknown(),
});

/** An event as the history of an order shows it: without what is personal. */
export function presentEvent({ event, version }: StoredEvent): z.infer<typeof historyItem> {
  const { id, type, time, correlationid, causationid, data } = event;
  const definitions: Readonly<Record<string, { readonly pii: readonly string[] }>> = platform.definitions;
  const personal = definitions[type]?.pii ?? [];
  return {
    id,
    type,
    time,
    version,
    correlationId: correlationid,
    causationId: causationid,
    data: without(data, personal),
  };
}

/** A copy without the fields at these dotted paths, `*` standing for any element. */
function without(value: unknown, paths: readonly string[], prefix = ''): unknown {
  if (Array.isArray(value)) return value.map((element) => without(element, paths, `${prefix}*.`));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !paths.includes(`${prefix}${name}`))
      .map(([name, field]) => [name, without(field, paths, `${prefix}${name}.`)]),
  );
}
