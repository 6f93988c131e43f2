import type { Derived, OpenDeadLetter } from './derive-status.js';
import type { Fulfilment } from '../fulfilment/fulfilment.js';
import { isFinal, type Progress } from './status.js';

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
const undone: ReadonlySet<Progress> = new Set(['rejected', 'payment_failed', 'shipment_failed', 'cancelled']);

/** How the undoing of a step is called by people. */
const undoings: Readonly<Record<string, string>> = {
  reserve: 'release',
  pay: 'refund',
  ship: 'cancelling the shipment',
};

/** What keeps an order from going on, if anything. Once it has ended, only what has still to be undone can be stuck, and no
 *  longer when an operator discarded it; before that, an order whose command was discarded goes nowhere by itself and
 *  stays stuck. */
export function stuckBecause(
  progress: Progress,
  { open, undoing }: Pick<Derived, 'open' | 'undoing'>,
  fulfilment: Fulfilment = 'choreographed',
): string | undefined {
  if (undoing?.decision === 'failed') {
    const what = undoings[undoing.step ?? ''] ?? 'what was done';
    return `${what} needs a person: ${undoing.reason ?? 'it could not be undone'}`.slice(0, 500);
  }
  const coordinator = fulfilment === 'orchestrated' ? 'order-saga' : 'order-choreography';
  const own = open.filter((letter) => letter.coordinator === undefined || letter.coordinator === coordinator);
  const isUndone = undoing?.decision === 'compensated';
  const blocking = isFinal(progress)
    ? own.find((letter) => undone.has(progress) && !letter.discarded && isOwed(letter, isUndone))
    : own[0];
  return blocking && `${blocking.type} failed: ${blocking.code}`;
}

/** Whether something may be left to undo. Of what its saga could not take, nobody but the saga knows what it says: it may
 *  be the late answer of a step that was given up. A command that it gave again, and that was carried out, is no debt. */
function isOwed({ type, coordinator }: OpenDeadLetter, isUndone: boolean): boolean {
  if (coordinator === 'order-saga') return true;
  return wayBack.has(type) && !isUndone;
}
