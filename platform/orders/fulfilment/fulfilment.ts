import { z } from 'zod';

const fulfilments = ['orchestrated', 'choreographed'] as const;

/** Who fulfils an order: the saga, or services that follow each other. An order is given its mark when it is placed, and
 *  every command and answer of it carries it on; one without is from before there were sagas, and choreographed. */
export const fulfilment = z.enum(fulfilments);

export type Fulfilment = z.infer<typeof fulfilment>;

/** The field by which a command or an answer that has no details of its order says whose it is. */
export const marked = { fulfilment: fulfilment.optional() };

const marks = z.looseObject({ ...marked, order: z.looseObject(marked).optional() });

/** Whether the data of an order's event, in which the mark stands alone or with the details, say that the saga fulfils it. */
export function isOrchestrated(data: unknown): boolean {
  const found = marks.safeParse(data);
  return found.success && (found.data.fulfilment ?? found.data.order?.fulfilment) === 'orchestrated';
}
