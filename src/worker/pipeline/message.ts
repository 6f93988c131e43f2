import type { Delivery } from '../../broker/broker.js';
import { HEADERS } from '../../broker/messages/headers.js';
import { LazySignal } from '../../concurrency/lazy-signal.js';
import type { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { PendingChange } from '../../store/pending-change.js';
import type { InboxKey } from '../../store/store.js';
import { ParkedDelivery } from '../ordering/parked-delivery.js';
import type { ParkedMessage } from '../ordering/parked-table.js';
import type { Effect } from '../handler/effects.js';
import type { Failure } from './failure.js';
import { readReplayHeaders, type ReplayHeaders } from './replay-headers.js';
import type { DeliveryOutcome } from './settle.js';

/** One delivery in the pipeline. The middleware fills in its fields. */
export interface Message {
  readonly delivery: Delivery;
  /** The number of this attempt, from 1. Incremented by each counted failure. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** The replay that sent it; undefined for a message that no replay sent. */
  readonly replay: ReplayHeaders | undefined;
  /** The parked message that is handled; undefined for a message of a queue. */
  readonly parked: ParkedMessage | undefined;
  /** The key in whose order the message is handled; undefined if it is handled in no particular order. */
  turn: string | undefined;
  /** Lets the next message with the same key be handled, before this change is committed if there is one. */
  passTurn: ((pending?: PendingChange) => void) | undefined;
  /** The effects of the message before it with the same key, if they may not be committed yet. Nothing that becomes of this one
   *  may be known before them. */
  after: PendingChange | undefined;
  /** Its number in the sequence of that key; undefined if the worker does not handle consecutive numbers. */
  sequence: number | undefined;
  /** Why it cannot be handled in order: it is dead-lettered. */
  refusal: FlotillaError | undefined;
  /** The event as it was received; undefined until it is read. */
  envelope: EventEnvelope | undefined;
  /** Whether its publisher may emit it; undefined until that is verified. */
  isTrusted: boolean | undefined;
  /** Whether the event was handled before the message arrived; undefined if that is not looked up yet. */
  wasHandled: Promise<boolean> | undefined;
  /** Undefined until decoded. */
  event: EventEnvelope | undefined;
  /** The key under which the event counts as handled; undefined until decoded. */
  key: InboxKey | undefined;
  /** Whether a start mark is committed for its handling: see `StartMarks`. */
  hasStartMark: boolean;
  /** The signal of the handler; `timeout` aborts it. */
  signal: LazySignal;
  /** The latest failure. */
  failure: Failure | undefined;
  /** The deferred writes of the handler. */
  effects: readonly Effect[];
}

export type HandleMessage = (message: Message) => Promise<DeliveryOutcome>;

export function openMessage(delivery: Delivery, receivedAt: number): Message {
  const { headers } = delivery.properties;
  const attempt = headers[HEADERS.attempt];
  return {
    delivery,
    attempt: typeof attempt === 'number' && Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1,
    receivedAt,
    replay: readReplayHeaders(headers),
    parked: delivery instanceof ParkedDelivery ? delivery.row : undefined,
    turn: undefined,
    passTurn: undefined,
    after: undefined,
    sequence: undefined,
    refusal: undefined,
    envelope: undefined,
    isTrusted: undefined,
    wasHandled: undefined,
    event: undefined,
    key: undefined,
    hasStartMark: false,
    signal: new LazySignal(),
    failure: undefined,
    effects: [],
  };
}

/** Prepares a message that is handled after effects that were rolled back. */
export function beginAgain(message: Message): void {
  message.after = undefined;
  message.wasHandled = undefined;
  message.failure = undefined;
  message.effects = [];
  message.signal = new LazySignal();
}

/** The log fields that identify the entries of one message and of one correlation. */
export function eventLogFields(event: EventEnvelope | undefined): Record<string, string | undefined> {
  return {
    event: event?.id,
    type: event?.type,
    correlation: event?.correlationid,
    traceparent: event?.traceparent,
  };
}
