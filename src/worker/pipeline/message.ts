import type { Delivery } from '../../broker/contract.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { InboxKey } from '../../store/contract.js';
import type { Effect } from '../handler/effects.js';
import type { Failure } from './failure.js';
import type { LazySignal } from '../../concurrency/lazy-signal.js';

/** One delivery on its way through the pipeline; each station fills in what it finds out. */
export interface Message {
  readonly delivery: Delivery;
  /** 1 at the first delivery; grows with every failure that counts. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** Known once decoded. */
  event: EventEnvelope | undefined;
  /** Under which it counts as handled; known once decoded. */
  key: InboxKey | undefined;
  /** Whether a committed mark says that its handling began: see `Starts`. */
  started: boolean;
  /** The handler's; aborted by `timeout`. */
  readonly signal: LazySignal;
  /** What went wrong, if something did. */
  failure: Failure | undefined;
  /** What the handler said is to be stored. */
  effects: readonly Effect[];
}

/**
 * What became of a delivery. `returned` goes back to the queue, and never without a pause: a message that comes
 * straight back would spin. Everything else is acked.
 */
export type Outcome = 'done' | 'duplicate' | 'ignored' | 'retried' | 'dead' | 'returned';

export type Handle = (message: Message) => Promise<Outcome>;
