import type { Delivery } from '../../broker/broker.js';

/**
 * The outcome of a delivery: its effects are committed (`done`), it had been handled before (`duplicate`), no handler
 * of this worker takes its type (`ignored`), a copy waits for the next attempt (`retried`) or is a dead letter (`dead`),
 * or it goes back to its queue (`returned`). A message is returned only while the worker pauses: it would spin.
 */
export type DeliveryOutcome = 'done' | 'duplicate' | 'ignored' | 'retried' | 'dead' | 'returned';

/** Acknowledges a delivery, or returns it to its queue. The only place where a worker settles messages. */
export function settle(delivery: Delivery, outcome: DeliveryOutcome): void {
  if (outcome === 'returned') delivery.requeue();
  else delivery.ack();
}
