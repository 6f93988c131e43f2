import { z } from 'zod';
import { createEvent, originContext } from '../../../src/events/create.js';
import { event } from '../../../src/events/definition.js';
import type { UnsequencedEvent } from '../../../src/events/envelope.js';
import { newId } from '../../../src/events/ids.js';
import { textLine } from '../../../src/events/text-line.js';

// The modules of the workloads import single files of the library: the count of the start must be small.

/** One type of event with data of a usual size. */
export const definitions = {
  'order.placed': event({
    1: z.strictObject({
      orderId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
      currency: z.string().regex(/^[A-Z]{3}$/),
      items: z.array(z.strictObject({ sku: textLine(64), quantity: z.int().min(1), unitPrice: z.int().min(0) })).min(1),
      total: z.int().min(0),
    }),
  }),
};

/** Creates events, each with a stream and a correlation id of its own. Copies one event, so that few instructions are
 *  spent on the preparation. */
export function placedOrders(count: number): UnsequencedEvent[] {
  const data = {
    orderId: 'order-1',
    currency: 'USD',
    items: [
      { sku: 'item_1', quantity: 1, unitPrice: 1999 },
      { sku: 'item_2', quantity: 3, unitPrice: 250 },
    ],
    total: 2749,
  };
  const context = originContext({ source: 'core', subject: 'order/order-1' });
  const first = createEvent(definitions, 'order.placed', data, context);
  return Array.from({ length: count }, () => {
    const id = newId();
    return { ...first, id, subject: `order/${id}`, correlationid: id };
  });
}
