/** The progress of an order, in ascending rank: first the regular course, then the other ways to end. A cancellation
 *  has the highest rank, because the order accepts one only before any other final state. */
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

/** The visible status of an order: its progress, or `stuck` while one of its commands is dead-lettered or its saga
 *  requires manual intervention. */
export type OrderStatus = (typeof orderStatuses)[number];

const rank = (progress: Progress) => progression.indexOf(progress);

/** Whether one has a higher rank than the other. */
export function isFurther(progress: Progress, than: Progress): boolean {
  return rank(progress) > rank(than);
}

/** Whether it is a final state. */
export function isFinal(progress: Progress): boolean {
  return rank(progress) >= rank('shipped');
}

/** The progress of an order at `reached` after a report of `reported`: it never decreases, and a final state never
 *  changes. */
export function advance(reached: Progress, reported: Progress): Progress {
  return isFinal(reached) || !isFurther(reported, reached) ? reached : reported;
}
