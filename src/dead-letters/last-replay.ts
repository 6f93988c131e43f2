import type { Names } from '../broker/topology/topology.js';
import type { EventEnvelope } from '../events/envelope.js';
import type { InboxKey } from '../store/store.js';
import type { StoredDeadLetter } from './dead-letter.js';
import { replayTarget, type AuditEntry } from './storage/audit.js';

/** The most recent replay of a dead letter and its result. */
export interface LastReplay {
  /** RFC 3339, UTC. */
  at: string;
  who: string;
  worker: string;
  queue: string;
  /** `not_handled`: the message is in the queue, or is being retried. `unknown`: the worker's store is not on this
   *  machine, or the message has no readable id. */
  outcome: 'handled' | 'not_handled' | 'dead_lettered_again' | 'unknown';
}

/** Returns the last replay in the audit; null if there is none. `handled`: whether the worker has handled the event;
 *  undefined if its store is unreachable. */
export async function lastReplay(
  deadLetter: StoredDeadLetter,
  trail: readonly AuditEntry[],
  { names, handled }: { names: Names; handled: (key: InboxKey) => Promise<boolean | undefined> },
): Promise<LastReplay | null> {
  const entry = trail.findLast(({ action }) => action === 'replayed');
  if (entry === undefined) return null;
  const worker = replayTarget(entry) ?? deadLetter.worker;
  const outcome = async (): Promise<LastReplay['outcome']> => {
    if (deadLetter.state !== 'replayed') return 'dead_lettered_again';
    const { source, id } = sentEvent(deadLetter);
    const isHandled = source === null || id === null ? undefined : await handled({ consumer: worker, source, id });
    return isHandled === undefined ? 'unknown' : isHandled ? 'handled' : 'not_handled';
  };
  return { at: entry.at, who: entry.who, worker, queue: names.queue(worker), outcome: await outcome() };
}

/** The event of the message that the replay published. */
function sentEvent({ replacement, source, eventId }: StoredDeadLetter): { source: string | null; id: string | null } {
  return replacement === null ? { source, id: eventId } : (JSON.parse(replacement.body) as EventEnvelope);
}
