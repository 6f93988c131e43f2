import type { Delivery } from '../../broker/broker.js';

/** The outcome of a delivery: its effects are committed (`done`), it was handled before (`duplicate`), the worker has
 *  no handler for its type (`ignored`), a copy waits for the next attempt (`retried`) or behind an earlier message of its
 *  subject (`parked`), is dead-lettered (`dead`) or quarantined (`quarantined`), or it is requeued (`returned`). A message
 *  is requeued only while the worker pauses, otherwise it would be redelivered in a busy loop. */
export type DeliveryOutcome =
  'done' | 'duplicate' | 'ignored' | 'retried' | 'parked' | 'dead' | 'quarantined' | 'returned';

/** Acks or requeues a delivery. The only function with which a worker settles messages. */
export function settle(delivery: Delivery, outcome: DeliveryOutcome): void {
  if (outcome === 'returned') delivery.requeue();
  else delivery.ack();
}
