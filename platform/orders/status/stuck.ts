import type { DerivedStatus, OpenDeadLetter } from './derive-status.js';
import type { Fulfilment } from '../fulfilment/fulfilment.js';
import { isFinal, type Progress } from './status.js';

/** The compensating commands, and the events that cause them. */
const compensationTypes = new Set([
  'inventory.release',
  'payment.refund',
  'shipment.cancel',
  'payment.failed',
  'shipment.failed',
  'order.cancelled',
  'shipment.cancelled',
  'payment.refunded',
]);

/** Final states that require compensation. */
const endsToCompensate: ReadonlySet<Progress> = new Set(['rejected', 'payment_failed', 'shipment_failed', 'cancelled']);

/** The name of each step's compensation. */
const compensationNames: Readonly<Record<string, string>> = {
  reserve: 'release',
  pay: 'refund',
  ship: 'cancelling the shipment',
};

/** Why an order is stuck; undefined if it is not. After its end, only a missing compensation makes it stuck, until an
 *  operator discards the dead letter. Before its end, a discarded command keeps it stuck, because nothing repeats the
 *  command. */
export function stuckReason(
  progress: Progress,
  { open, compensation }: Pick<DerivedStatus, 'open' | 'compensation'>,
  fulfilment: Fulfilment = 'choreographed',
): string | undefined {
  if (compensation?.decision === 'failed') {
    const what = compensationNames[compensation.step ?? ''] ?? 'what was done';
    return `${what} requires manual intervention: ${compensation.reason ?? 'the compensation failed'}`.slice(0, 500);
  }
  const coordinator = fulfilment === 'orchestrated' ? 'order-saga' : 'order-choreography';
  const own = open.filter(
    (deadLetter) => deadLetter.coordinator === undefined || deadLetter.coordinator === coordinator,
  );
  const isUndone = compensation?.decision === 'compensated';
  const blocking = isFinal(progress)
    ? own.find(
        (deadLetter) =>
          endsToCompensate.has(progress) && !deadLetter.discarded && mayNeedCompensation(deadLetter, isUndone),
      )
    : own[0];
  return blocking && `${blocking.type} failed: ${blocking.code}`;
}

/** Whether a compensation may be missing. Only the saga can interpret an event that it failed to handle: it may be the
 *  late answer of an abandoned step. A command that the saga repeated and that was executed needs no compensation. */
function mayNeedCompensation({ type, coordinator }: OpenDeadLetter, isUndone: boolean): boolean {
  if (coordinator === 'order-saga') return true;
  return compensationTypes.has(type) && !isUndone;
}
