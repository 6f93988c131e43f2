import { type StoredEvent } from 'flotilla';
import { platform } from '../../catalogue.js';
import { order } from '../order.js';
import { isFinal } from './status.js';

/** The commands that bring an order further; those that undo are due also after its end. */
const forward = new Set(['inventory.reserve', 'payment.process', 'shipment.create']);

/** Whether an order has come to its end, so that this command of it must not be sent again without a thought. */
export function isClosed(command: { type: string; subject: string }, history: readonly StoredEvent[]): boolean {
  if (!forward.has(command.type)) return false;
  const { state } = platform.rehydrate(order, history);
  return state.details !== undefined && isFinal(state.reached);
}
