import type { Delivery } from '../../broker/broker.js';
import { HEADERS } from '../../broker/messages/headers.js';
import { LazySignal } from '../../concurrency/lazy-signal.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { InboxKey } from '../../store/store.js';
import type { Effect } from '../handler/effects.js';
import type { Failure } from './failure.js';
import type { DeliveryOutcome } from './settle.js';

/** One delivery in the pipeline. The middleware fills in what it finds out. */
export interface Message {
  readonly delivery: Delivery;
  /** 1 at the first delivery; grows with every failure that counts. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** Known once decoded. */
  event: EventEnvelope | undefined;
  /** The key under which the event counts as handled; known once decoded. */
  key: InboxKey | undefined;
  /** Whether a committed mark shows that its handling started: see `StartMarks`. */
  hasStartMark: boolean;
  /** The signal of the handler; `timeout` aborts it. */
  readonly signal: LazySignal;
  /** The latest failure. */
  failure: Failure | undefined;
  /** The deferred writes of the handler. */
  effects: readonly Effect[];
}

export type HandleMessage = (message: Message) => Promise<DeliveryOutcome>;

export function openMessage(delivery: Delivery, receivedAt: number): Message {
  const attempt = delivery.properties.headers[HEADERS.attempt];
  return {
    delivery,
    attempt: typeof attempt === 'number' && Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1,
    receivedAt,
    event: undefined,
    key: undefined,
    hasStartMark: false,
    signal: new LazySignal(),
    failure: undefined,
    effects: [],
  };
}
