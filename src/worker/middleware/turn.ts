import { requireTrusted } from './decode.js';
import type { Delivery } from '../../broker/broker.js';
import type { Predecessor } from '../../concurrency/keyed-queue.js';
import { FlotillaError, hasCode } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';
import { beginAgain, type HandleMessage, type Message } from '../pipeline/message.js';
import type { PendingChange } from '../../store/pending-change.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import type { Ordering } from '../ordering/ordering.js';
import { isInTurn, type MessageInTurn } from '../ordering/message-in-turn.js';
import { PartitionDelivery } from '../ordering/partition-consumer.js';

/** For an ordered worker: handles the messages of one key one after the other. A message that may not be handled yet is
 *  parked. What becomes of a message is committed before the turn passes to the next one, or together with what becomes of the
 *  next one if the worker is pipelined, and durable before it is acknowledged. */
export const turn: Middleware<WorkerPipelineContext> = (next, context) => {
  const { ordering } = context;
  if (ordering === undefined) return next;
  return (message) => {
    const key = ordering.keyOf(message);
    if (key === undefined || !mayWait(message, context)) return next(message);
    message.turn = key;
    if (!isInTurn(message)) return next(message);
    lookUpEarly(message, context);
    return inTurns(message, ordering, next, context);
  };
};

/** Messages that arrive together are looked up together, before the first of them has its turn. Another process may handle a
 *  redelivered message until it has its turn here. */
function lookUpEarly(message: MessageInTurn, { store, keyOf }: WorkerPipelineContext): void {
  if (message.parked !== undefined || message.delivery.redelivered) return;
  message.wasHandled = store.handled(keyOf(message.envelope, message.replay));
  // a message that never has a turn needs no answer
  message.wasHandled.catch(() => undefined);
}

/** A publisher outside of the fleet must not be able to let the next events of a sequence wait: `decode` refuses it. */
function mayWait(message: Message, context: WorkerPipelineContext): boolean {
  return message.sequence === undefined || isTrusted(message, context);
}

/** A message that finds no room waits for another turn. */
async function inTurns(
  message: MessageInTurn,
  ordering: Ordering,
  next: HandleMessage,
  context: WorkerPipelineContext,
): Promise<DeliveryOutcome> {
  const { turns, line } = ordering;
  const { turn: key } = message;
  const take = <T>(work: () => Promise<T>) =>
    turns.run(key, (pass, before) => {
      message.passTurn = pass;
      return takeTurn(message, before, ordering, work);
    });
  const handle = () => inTurn(message, ordering, next, context);
  const whenPlaced = () => untilPlaced(message, ordering, () => take(handle));
  const outcome = await take(async () => {
    const isLined = keepsLine(message);
    const first = isLined && line.has(key) ? 'full' : await handle();
    // it is in the line before the next message of the key has its turn
    return first === 'full' ? { later: isLined ? line.run(key, whenPlaced) : whenPlaced() } : first;
  });
  return typeof outcome === 'string' ? outcome : outcome.later;
}

/** Whether a message that finds no room waits behind others of its key that found none. One with a number does not: earlier ones
 *  may be behind it in the queue. Neither does a replay, which may replace the message that holds its key. */
function keepsLine({ delivery, sequence }: MessageInTurn): boolean {
  return delivery instanceof PartitionDelivery && sequence === undefined;
}

/** Gives a message other turns until it has found room. */
async function untilPlaced(
  message: MessageInTurn,
  { parking }: Ordering,
  take: () => Promise<DeliveryOutcome | 'full'>,
): Promise<DeliveryOutcome> {
  const { delivery } = message;
  let isPlaced = false;
  try {
    while (await parking.untilRoom(message, () => isOver(message))) {
      const outcome = await take();
      isPlaced = outcome !== 'full';
      if (outcome !== 'full') return outcome;
    }
    return 'returned';
  } finally {
    // before the next message in the line is placed
    if (!isPlaced && delivery instanceof PartitionDelivery) delivery.requeue();
  }
}

/** Handles a message that has its turn. The effects of the one before may not be committed yet: it is handled after that, or
 *  at once if its worker is pipelined. */
async function takeTurn<T>(
  message: Message,
  before: Predecessor<PendingChange> | undefined,
  ordering: Ordering,
  handle: () => Promise<T>,
): Promise<T> {
  const effects = before?.handover;
  if (before === undefined || effects === undefined) return handle();
  if (effects.isCommitted === undefined && ordering.isPipelined(message)) {
    message.after = effects;
    try {
      return await handle();
    } catch (error) {
      if (!isRolledBack(error)) throw error;
      beginAgain(message);
    }
  }
  // the one before is handled again, or waits for that, and may be parked
  if (!(await effects.committed())) await before.ended;
  return handle();
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
  let isOnce = true;
  try {
    if (isOver(message)) return outcome;
    if (delivery instanceof PartitionDelivery) subjects.count(delivery.queue, message.envelope.subject);
    const place = await (parked === undefined ? parking.follow(message) : parking.resume(message));
    if (place !== 'first') {
      outcome = place;
      return outcome;
    }
    // it may have waited for a slot
    const settled = await slots.run(async () => (isOver(message) ? 'returned' : next(message)));
    const isHeld = settled === 'dead' && ordering.holds && isTrusted(message, context);
    const { refusal, failure } = message;
    if (isHeld) await parking.hold(message, refusal?.code ?? failure?.code ?? 'worker.handler_failed');
    else if (isSettled(settled)) await parking.settled(message, settled);
    outcome = settled;
    return outcome;
  } catch (error) {
    isOnce = !isRolledBack(error);
    throw error;
  } finally {
    // before the next message of the key has its turn
    if (isOnce && outcome === 'returned' && delivery instanceof PartitionDelivery) delivery.requeue();
  }
}

/** Whether a message was handled after effects that were rolled back. */
function isRolledBack(error: unknown): boolean {
  return hasCode(error, 'store.predecessor_failed');
}

/** Whether the broker has to deliver the message again, to this or another process. */
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
