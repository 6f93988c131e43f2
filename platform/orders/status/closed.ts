import { type StoredEvent } from 'flotilla';
import { platform } from '../../catalogue.js';
import { order } from '../order.js';
import { isFinal } from './status.js';

/** Commands that advance an order. Compensating commands remain due after its end. */
const forward = new Set(['inventory.reserve', 'payment.process', 'shipment.create']);

/** Whether an order has ended, so that this command of it must be replayed only with `--force`. */
export function isClosed(command: { type: string; subject: string }, history: readonly StoredEvent[]): boolean {
  if (!forward.has(command.type)) return false;
  const { state } = platform.rehydrate(order, history);
  return state.details !== undefined && isFinal(state.reached);
}
