import { requireTrusted } from './decode.js';
import type { Delivery } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';
import type { HandleMessage, Message } from '../pipeline/message.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import type { Ordering } from '../ordering/ordering.js';
import { isInTurn, type MessageInTurn } from '../ordering/message-in-turn.js';
import { PartitionDelivery } from '../ordering/partition-consumer.js';

/** For an ordered worker: handles the messages of one key one after the other. A message that may not be handled yet is
 *  parked. What becomes of a message is committed before the turn passes to the next one, and durable before it is
 *  acknowledged. */
export const turn: Middleware<WorkerPipelineContext> = (next, context) => {
  const { ordering } = context;
  if (ordering === undefined) return next;
  return (message) => {
    const key = ordering.keyOf(message);
    if (key === undefined || !mayWait(message, context)) return next(message);
    message.turn = key;
    return isInTurn(message) ? inTurns(message, ordering, next, context) : next(message);
  };
};

/** A publisher outside of the fleet must not be able to let the next events of a sequence wait: `decode` refuses it. */
function mayWait(message: Message, context: WorkerPipelineContext): boolean {
  return message.sequence === undefined || isTrusted(message, context);
}

/** While there is no room for a message of a sequence, earlier ones have a turn. */
async function inTurns(
  message: MessageInTurn,
  ordering: Ordering,
  next: HandleMessage,
  context: WorkerPipelineContext,
): Promise<DeliveryOutcome> {
  const { turns, parking } = ordering;
  const { turn: key, delivery } = message;
  do {
    const outcome = await turns.run(key, (pass) => {
      message.passTurn = pass;
      return inTurn(message, ordering, next, context);
    });
    if (outcome !== 'full') return outcome;
  } while (await parking.untilRoom(message));
  if (delivery instanceof PartitionDelivery) delivery.requeue();
  return 'returned';
}

async function inTurn(
  message: MessageInTurn,
  ordering: Ordering,
  next: HandleMessage,
  context: WorkerPipelineContext,
): Promise<DeliveryOutcome | 'full'> {
  const { delivery, parked } = message;
  const { parking, slots, subjects } = ordering;
  let outcome: DeliveryOutcome | 'full' = 'returned';
  try {
    if (isOver(message)) return outcome;
    if (delivery instanceof PartitionDelivery) subjects.count(delivery.queue, message.envelope.subject);
    const place = await (parked === undefined ? parking.follow(message) : parking.resume(message));
    if (place !== 'first') {
      outcome = place;
      return outcome;
    }
    const settled = await slots.run(() => next(message));
    const isHeld = settled === 'dead' && ordering.holds && isTrusted(message, context);
    const { refusal, failure } = message;
    if (isHeld) await parking.hold(message, refusal?.code ?? failure?.code ?? 'worker.handler_failed');
    else if (isSettled(settled)) await parking.settled(message, settled);
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

/** Whether a message needs no further handling: it is not parked for a retry, and not returned. */
function isSettled(outcome: DeliveryOutcome): boolean {
  return outcome !== 'retried' && outcome !== 'returned' && outcome !== 'parked';
}

/** Verifies the publisher of a message, once. */
function isTrusted(message: Message, context: WorkerPipelineContext): boolean {
  const { envelope, delivery } = message;
  return (message.isTrusted ??= envelope !== undefined && isFromEmitter(envelope, delivery, context));
}

function isFromEmitter(envelope: EventEnvelope, delivery: Delivery, context: WorkerPipelineContext): boolean {
  try {
    context.verify?.(envelope.source, delivery.properties);
    requireTrusted(envelope, { ...context, origin: delivery.origin });
    return true;
  } catch (error) {
    if (error instanceof FlotillaError) return false;
    throw error;
  }
}
