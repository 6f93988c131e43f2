import { z } from 'zod';

const fulfilments = ['orchestrated', 'choreographed'] as const;

/** How an order is fulfilled: by the saga, or by services that react to each other. An order is marked when it is
 *  created, and every command and answer copies the mark. An order without a mark is from before the saga existed, and
 *  is choreographed. */
export const fulfilment = z.enum(fulfilments);

export type Fulfilment = z.infer<typeof fulfilment>;

/** The mark of a command or an answer that does not contain the details of its order. */
export const marked = { fulfilment: fulfilment.optional() };

const marks = z.looseObject({ ...marked, order: z.looseObject(marked).optional() });

/** Whether the data of an order's event state that the saga fulfils it. The mark is either a field of the data or part
 *  of the details. */
export function isOrchestrated(data: unknown): boolean {
  const found = marks.safeParse(data);
  return found.success && (found.data.fulfilment ?? found.data.order?.fulfilment) === 'orchestrated';
}
