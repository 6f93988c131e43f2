import type { Broker, Delivery } from '../../broker/broker.js';
import { KeyedQueue } from '../../concurrency/keyed-queue.js';
import { drainSelected } from '../../queues/drain-queue.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';

/** What a release pass knows of a quarantined message. */
export interface Examined {
  /** Undefined for a message that is not an event. */
  subject: string | undefined;
  isReadable: boolean;
}

export interface ReleasePassOptions {
  broker: Broker;
  /** The quarantine of the worker. */
  queue: string;
  /** Maximum number of messages that are handled at the same time. */
  concurrency: number;
  examine: (delivery: Delivery) => Examined;
  /** Passes a message through the pipeline and settles it. */
  handle: (delivery: Delivery) => Promise<DeliveryOutcome>;
  /** Ends the pass: messages that are not in the pipeline yet stay in the quarantine. */
  signal: AbortSignal;
}

/** The unselected messages of a pass are unacked; a broker closes the channel of a consumer that keeps one too long. */
const PASS_LIMIT_MS = 60_000;

/** Handles the messages of a quarantine that can be read now, in order for each subject: not those behind a message that
 *  cannot. The others keep their places. Resolves with the number of messages that left the quarantine. */
export async function releasePass(options: ReleasePassOptions): Promise<number> {
  const { broker, queue, concurrency, examine, handle, signal } = options;
  const stop = new AbortController();
  const end = AbortSignal.any([signal, stop.signal]);
  /** The subjects of messages that stay in the quarantine. */
  const waiting = new Set<string>();
  const subjects = new WeakMap<Delivery, string>();
  const bySubject = new KeyedQueue();
  let released = 0;

  async function release(delivery: Delivery, subject: string | undefined): Promise<void> {
    if (end.aborted || (subject !== undefined && waiting.has(subject))) {
      delivery.requeue();
      return;
    }
    const outcome = await handle(delivery);
    // one that was quarantined again is now behind the message that it follows, which may come later in this pass
    if (outcome === 'quarantined') return;
    if (outcome !== 'returned') {
      released += 1;
      return;
    }
    // the circuit breaker is open, or the store fails
    if (subject !== undefined) waiting.add(subject);
    stop.abort();
  }

  await drainSelected(broker, queue, {
    concurrency,
    limit: PASS_LIMIT_MS,
    signal: end,
    select(delivery) {
      const { subject, isReadable } = examine(delivery);
      if (subject === undefined) return true; // the pipeline rejects it
      if (!isReadable) waiting.add(subject);
      subjects.set(delivery, subject);
      return !waiting.has(subject);
    },
    async handle(delivery) {
      const subject = subjects.get(delivery);
      if (subject === undefined) return release(delivery, undefined);
      await bySubject.run(subject, () => release(delivery, subject));
    },
  });
  return released;
}
