/** How far an order has come, each later one outranking those before: the ordinary way first, then the ways it ends
 *  otherwise. A cancellation outranks all, because the order itself accepts it only while nothing else is final. */
const progression = [
  'pending',
  'reserved',
  'paid',
  'shipped',
  'rejected',
  'payment_failed',
  'shipment_failed',
  'cancelled',
] as const;

export type Progress = (typeof progression)[number];

export const orderStatuses = [...progression, 'stuck'] as const;

/** What an order shows: its progress, or `stuck` while one of its commands lies in the dead letters, or its saga needs a
 *  person. */
export type OrderStatus = (typeof orderStatuses)[number];

const rank = (progress: Progress) => progression.indexOf(progress);

/** Whether one outranks the other. */
export function isFurther(progress: Progress, than: Progress): boolean {
  return rank(progress) > rank(than);
}

/** Whether nothing can follow any more. */
export function isFinal(progress: Progress): boolean {
  return rank(progress) >= rank('shipped');
}

/** Where an order is that was at `reached` and is now heard to be at `heard`: never further back, and a final state
 *  stays what it is. */
export function advance(reached: Progress, reported: Progress): Progress {
  return isFinal(reached) || !isFurther(reported, reached) ? reached : reported;
}
