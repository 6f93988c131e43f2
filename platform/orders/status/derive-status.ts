import { isFurther, type Progress } from './status.js';

/** A fact about an order. Facts arrive from several services, in any order and more than once. */
export type OrderFact =
  | OutcomeFact
  | SagaFact
  | { kind: 'cancelled'; reason?: string }
  | DeadLetterFact
  | { kind: 'replayed'; deadLetterId: string }
  | { kind: 'discarded'; deadLetterId: string };

export interface OutcomeFact {
  kind: 'outcome';
  outcome: Outcome;
  command: string;
  /** Whether a saga fulfils the order, so that the saga decides the consequence of the outcome. */
  orchestrated?: boolean;
  reason?: string;
  trackingNumber?: string;
  estimatedDelivery?: string;
}

/** A decision of the order's saga, and its version in the saga's stream. */
export interface SagaFact {
  kind: 'saga';
  decision: 'compensating' | 'completed' | 'compensated' | 'failed' | 'resumed';
  sequence: number;
  /** The step that could not be executed or compensated. */
  step?: string;
  reason?: string;
  /** Whether it compensates only an execution that was reported after the saga had ended. */
  late?: boolean;
}

export interface DeadLetterFact {
  kind: 'dead_lettered';
  deadLetterId: string;
  command: string;
  type: string;
  code: string;
  /** The coordinator that failed to handle it, if it is an event. */
  coordinator?: Coordinator;
}

/** A worker that sends the next command of an order. */
export type Coordinator = 'order-choreography' | 'order-saga';

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

/** The answers of services to commands. Answers to compensating commands do not advance an order, but settle their
 *  command. */
export type Outcome = keyof typeof progressOf;

/** The final state of an order whose saga failed at a step. */
const endAfterFailedStep: Readonly<Record<string, Progress>> = {
  reserve: 'rejected',
  pay: 'payment_failed',
  ship: 'shipment_failed',
};

/** A dead-lettered command of an order, or a dead-lettered event that should have caused one. */
export interface OpenDeadLetter extends Pick<DeadLetterFact, 'type' | 'code' | 'coordinator'> {
  discarded: boolean;
}

export interface DerivedStatus {
  progress: Progress;
  reason?: string;
  trackingNumber?: string;
  estimatedDelivery?: string;
  /** The commands without an outcome that are dead-lettered or were discarded, sorted by id. */
  open: OpenDeadLetter[];
  /** The last decision of the saga since it began to compensate. */
  compensation?: Pick<SagaFact, 'decision' | 'step' | 'reason'>;
}

/** Derives the status from a set of facts: independent of their order and of duplicates. */
export function deriveStatus(facts: readonly OrderFact[]): DerivedStatus {
  const sorted = [...facts].sort((a, b) => compare(a.kind, b.kind) || compare(JSON.stringify(a), JSON.stringify(b)));
  const derived: DerivedStatus = { progress: 'pending', open: openDeadLetters(sorted) };
  const sagaFacts = sorted.filter((fact) => fact.kind === 'saga');
  for (const fact of sorted) {
    if (fact.kind === 'outcome') reach(derived, meaningOf(fact), fact);
    else if (fact.kind === 'cancelled') reach(derived, 'cancelled', fact);
    else if (fact.kind === 'saga' && fact.decision === 'compensating' && fact.late !== true) {
      reach(derived, fact.step === undefined ? 'cancelled' : (endAfterFailedStep[fact.step] ?? 'cancelled'), fact);
    }
  }
  // the saga decides that the order is done, and the carrier's outcome has the tracking number
  const shipment = sorted.find((fact) => fact.kind === 'outcome' && fact.outcome === 'shipment.created');
  if (shipment?.kind === 'outcome' && sagaFacts.some(({ decision }) => decision === 'completed')) {
    reach(derived, 'shipped', shipment);
  }
  const compensation = sagaFacts
    .filter(({ decision }) => decision !== 'completed')
    .reduce<SagaFact | undefined>((last, fact) => (last && last.sequence > fact.sequence ? last : fact), undefined);
  if (compensation !== undefined) {
    const { decision, step, reason } = compensation;
    derived.compensation = { decision, step, reason };
  }
  return derived;
}

/** If a saga fulfils the order, an outcome advances it but ends nothing: the saga may retry the step, or a cancellation
 *  may reach it first. */
function meaningOf({ outcome, orchestrated }: OutcomeFact): Progress {
  const progress = progressOf[outcome];
  return orchestrated === true && isFurther(progress, 'paid') ? 'pending' : progress;
}

function reach(
  derived: DerivedStatus,
  progress: Progress,
  detail: Omit<DerivedStatus, 'progress' | 'open' | 'compensation'>,
): void {
  if (!isFurther(progress, derived.progress)) return;
  derived.progress = progress;
  derived.reason = detail.reason;
  derived.trackingNumber = detail.trackingNumber;
  derived.estimatedDelivery = detail.estimatedDelivery;
}

function openDeadLetters(facts: readonly OrderFact[]): OpenDeadLetter[] {
  const answered = new Set(facts.map((fact) => (fact.kind === 'outcome' ? fact.command : undefined)));
  const idsOf = (kind: 'replayed' | 'discarded') =>
    new Set(facts.map((fact) => (fact.kind === kind ? fact.deadLetterId : undefined)));
  const replayed = idsOf('replayed');
  const discarded = idsOf('discarded');
  const dead = new Map(facts.flatMap((fact) => (fact.kind === 'dead_lettered' ? [[fact.deadLetterId, fact]] : [])));
  return [...dead.values()]
    .filter(({ deadLetterId, command }) => !replayed.has(deadLetterId) && !answered.has(command))
    .sort((a, b) => compare(a.deadLetterId, b.deadLetterId))
    .map(({ deadLetterId, type, code, coordinator }) => ({
      type,
      code,
      discarded: discarded.has(deadLetterId),
      ...(coordinator !== undefined && { coordinator }),
    }));
}

const compare = (a: string, b: string) => (a === b ? 0 : a < b ? -1 : 1);
