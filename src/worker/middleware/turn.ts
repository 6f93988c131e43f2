import { requireTrusted } from './decode.js';
import { FlotillaError } from '../../errors.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';
import type { HandleMessage, Message } from '../pipeline/message.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import type { Ordering } from '../ordering/ordering.js';
import { isInTurn, type MessageInTurn } from '../ordering/parking.js';
import { PartitionDelivery } from '../ordering/partition-consumer.js';

/** For an ordered worker: handles the messages of one key one after the other. A message that follows parked ones is
 *  parked, too. What becomes of a message is committed before the turn passes to the next one, and durable before it is
 *  acknowledged. */
export const turn: Middleware<WorkerPipelineContext> = (next, context) => {
  const { ordering } = context;
  if (ordering === undefined) return next;
  return (message) => {
    const key = ordering.keyOf(message);
    if (key === undefined) return next(message);
    message.turn = key;
    if (!isInTurn(message)) return next(message);
    return ordering.turns.run(key, (pass) => {
      message.passTurn = pass;
      return inTurn(message, ordering, next, context);
    });
  };
};

async function inTurn(
  message: MessageInTurn,
  ordering: Ordering,
  next: HandleMessage,
  context: WorkerPipelineContext,
): Promise<DeliveryOutcome> {
  const { delivery, parked } = message;
  const { parking, slots, subjects } = ordering;
  let outcome: DeliveryOutcome = 'returned';
  try {
    if (isOver(message)) return outcome;
    if (delivery instanceof PartitionDelivery) subjects.count(delivery.queue, message.turn);
    const place = parked === undefined ? await parking.follow(message) : 'first';
    if (place !== 'first') {
      outcome = place;
      return outcome;
    }
    const settled = await slots.run(() => next(message));
    const isHeld = settled === 'dead' && ordering.holds && isTrusted(message, context);
    if (isHeld) await parking.hold(message, message.failure?.code ?? 'worker.handler_failed');
    else if (parked !== undefined && isSettled(settled)) await parking.remove(parked);
    outcome = settled;
    return outcome;
  } finally {
    // before the next message of the key has its turn
    if (outcome === 'returned' && delivery instanceof PartitionDelivery) delivery.requeue();
  }
}

/** Whether the broker delivers the message again, to this or another process. */
function isOver({ delivery }: Message): boolean {
  return delivery.lost.aborted || (delivery instanceof PartitionDelivery && delivery.isOver);
}

/** Whether a parked message needs no further handling: it is not parked for a retry, and not returned. */
function isSettled(outcome: DeliveryOutcome): boolean {
  return outcome !== 'retried' && outcome !== 'returned' && outcome !== 'parked';
}

/** A publisher outside of the fleet must not be able to hold a subject. */
function isTrusted({ envelope, delivery }: MessageInTurn, context: WorkerPipelineContext): boolean {
  try {
    requireTrusted(envelope, { ...context, origin: delivery.origin });
    return true;
  } catch (error) {
    if (error instanceof FlotillaError) return false;
    throw error;
  }
}
