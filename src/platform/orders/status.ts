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

/** What an order shows: its progress, or `stuck` while one of its commands lies in the dead letters. */
export type OrderStatus = (typeof orderStatuses)[number];

const rank = (progress: Progress) => progression.indexOf(progress);

/** Whether nothing can follow any more. */
export function isFinal(progress: Progress): boolean {
  return rank(progress) >= rank('shipped');
}

/** Where an order is that was at `reached` and is now heard to be at `heard`: never further back, and a final state
 *  stays what it is. */
export function advance(reached: Progress, heard: Progress): Progress {
  return isFinal(reached) || rank(heard) <= rank(reached) ? reached : heard;
}

/** Something that is known about an order. Facts come from several services, in any order and more than once. */
export type Fact =
  | {
      kind: 'outcome';
      outcome: Outcome;
      command: string;
      reason?: string;
      trackingNumber?: string;
      estimatedDelivery?: string;
    }
  | { kind: 'cancelled'; reason?: string }
  | { kind: 'dead_lettered'; deadLetterId: string; command: string; type: string; code: string }
  | { kind: 'replayed'; deadLetterId: string }
  | { kind: 'discarded'; deadLetterId: string };

const progressOf = {
  'inventory.reserved': 'reserved',
  'inventory.rejected': 'rejected',
  'payment.processed': 'paid',
  'payment.failed': 'payment_failed',
  'shipment.created': 'shipped',
  'shipment.failed': 'shipment_failed',
  'inventory.released': 'pending',
  'payment.refunded': 'pending',
  'shipment.cancelled': 'pending',
} as const satisfies Record<string, Progress>;

/** The answers of services to commands. Those of the way back move an order nowhere, but settle their command. */
export type Outcome = keyof typeof progressOf;

/** A command of an order that lies in the dead letters, or an event from which one should have followed. */
export interface OpenDeadLetter {
  type: string;
  code: string;
  discarded: boolean;
}

export interface Derived {
  progress: Progress;
  reason?: string;
  trackingNumber?: string;
  estimatedDelivery?: string;
  /** The commands without an outcome that lie in the dead letters or were discarded from there, in the order of their ids. */
  open: OpenDeadLetter[];
}

/** What a set of facts means: the same for every order in which they came, however often. */
export function derive(facts: readonly Fact[]): Derived {
  const derived: Derived = { progress: 'pending', open: [] };
  const answered = new Set<string>();
  const replayed = new Set<string>();
  const discarded = new Set<string>();
  const dead = new Map<string, Extract<Fact, { kind: 'dead_lettered' }>>();
  for (const fact of facts) {
    if (fact.kind === 'outcome') {
      answered.add(fact.command);
      reach(derived, progressOf[fact.outcome], fact);
    } else if (fact.kind === 'cancelled') reach(derived, 'cancelled', fact);
    else if (fact.kind === 'replayed') replayed.add(fact.deadLetterId);
    else if (fact.kind === 'discarded') discarded.add(fact.deadLetterId);
    else dead.set(fact.deadLetterId, fact);
  }
  derived.open = [...dead]
    .filter(([deadLetterId, { command }]) => !replayed.has(deadLetterId) && !answered.has(command))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([deadLetterId, { type, code }]) => ({ type, code, discarded: discarded.has(deadLetterId) }));
  return derived;
}

function reach(derived: Derived, progress: Progress, detail: Omit<Derived, 'progress' | 'open'>): void {
  if (rank(progress) <= rank(derived.progress)) return;
  derived.progress = progress;
  derived.reason = detail.reason;
  derived.trackingNumber = detail.trackingNumber;
  derived.estimatedDelivery = detail.estimatedDelivery;
}

/** The commands of the way back, and the events from which they follow. */
const wayBack = new Set([
  'inventory.release',
  'payment.refund',
  'shipment.cancel',
  'payment.failed',
  'shipment.failed',
  'order.cancelled',
  'shipment.cancelled',
  'payment.refunded',
]);

/** Ends after which something has to be undone. */
const undone: ReadonlySet<Progress> = new Set(['payment_failed', 'shipment_failed', 'cancelled']);

/** The dead letter that keeps an order from going on, if any. Once an order has ended, only what has still to be undone
 *  can be stuck, and no longer when an operator discarded it; before that, an order whose command was discarded goes
 *  nowhere by itself and stays stuck. */
export function blockedBy(progress: Progress, open: readonly OpenDeadLetter[]): OpenDeadLetter | undefined {
  if (!isFinal(progress)) return open[0];
  return open.find(({ type, discarded }) => undone.has(progress) && wayBack.has(type) && !discarded);
}
