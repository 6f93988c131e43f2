import { positionOf } from '../../broker/messages/event-position.js';
import { KeyedQueue } from '../../concurrency/keyed-queue.js';
import { Semaphore } from '../../concurrency/semaphore.js';
import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import { isOrdered } from '../definition/queues.js';
import type { Clock } from '../../concurrency/clock.js';
import type { PendingChange } from '../../store/pending-change.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import type { Message } from '../pipeline/message.js';
import { HotSubjects } from './hot-subjects.js';
import type { Parking } from './parking.js';
import { sequenceKey } from './sequence.js';

/** The key of all messages in a total order. */
export const TOTAL_KEY = '*';

/** What keeps the messages of a worker in order. */
export interface Ordering {
  /** Runs one message of a key at a time. */
  readonly turns: KeyedQueue<PendingChange>;
  /** The messages of a key that found no room, in their order. They have no turn meanwhile, so that those that are parked can be
   *  handled. */
  readonly line: KeyedQueue;
  /** Bounds the messages that are handled at the same time. */
  readonly slots: Semaphore;
  readonly parking: Parking;
  readonly subjects: HotSubjects;
  /** Whether a message may be handled before the effects of the one before are committed. */
  readonly isPipelined: (message: Message) => boolean;
  /** Lets the next message be handled when the effects of this one are committed, or now if it may not need to wait. */
  readonly passTurn: (message: Message, effects: PendingChange) => void;
  /** The messages with the same key are handled in order; undefined if the message has none. Sets
   *  `message.envelope`, and `sequence` or `refusal` for a worker that handles consecutive numbers. */
  readonly keyOf: (message: Message) => string | undefined;
  /** Whether a dead letter holds its key. */
  readonly holds: boolean;
}

/** Undefined for a worker that handles messages in no particular order. */
export function orderingOf(
  definition: WorkerDefinition,
  parking: Parking,
  clock: Pick<Clock, 'elapsed'>,
): Ordering | undefined {
  const { ordering, prefetch } = definition;
  if (ordering === undefined) return undefined;
  return {
    turns: new KeyedQueue<PendingChange>(),
    line: new KeyedQueue(),
    slots: new Semaphore(prefetch),
    parking,
    subjects: new HotSubjects(clock),
    holds: ordering.whenExhausted === 'hold',
    // while anything waits, what becomes of a message depends on the store
    isPipelined: ({ parked, replay, delivery }) =>
      ordering.pipelined && parked === undefined && replay === undefined && !delivery.redelivered && !parking.mayWait,
    passTurn({ passTurn }, effects) {
      if (ordering.pipelined) passTurn?.(effects);
      else void effects.committed().then((isCommitted) => isCommitted && passTurn?.());
    },
    keyOf(message) {
      message.envelope = envelopeOf(message);
      if (message.envelope === undefined) return undefined;
      const { type, subject } = message.envelope;
      if (!isOrdered(definition, type)) return undefined;
      if (ordering.by === 'sequence') return keyInSequence(message, message.envelope);
      return ordering.by === 'total' ? TOTAL_KEY : subject;
    },
  };
}

function keyInSequence(message: Message, envelope: EventEnvelope): string | undefined {
  const position = positionOf(envelope, message.delivery.properties.headers);
  if (position === undefined) {
    const { type, subject, source } = envelope;
    message.refusal = new FlotillaError('contract.no_sequence', `${type} of ${subject} from ${source}`);
    return undefined;
  }
  message.sequence = position.number;
  return sequenceKey(position);
}

/** Undefined for a message that is no event; `decode` gives the reason. */
function envelopeOf({ delivery }: Message): EventEnvelope | undefined {
  try {
    return parseEnvelope(delivery);
  } catch (error) {
    if (error instanceof FlotillaError) return undefined;
    throw error;
  }
}
