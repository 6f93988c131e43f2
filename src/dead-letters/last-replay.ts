import type { Names } from '../broker/topology/topology.js';
import type { EventEnvelope } from '../events/envelope.js';
import type { InboxKey, Store } from '../store/store.js';
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
  /** The id of the dead letter that the replayed message became; null if it became none, or has the same id. */
  deadLetteredAs: string | null;
}

interface LastReplayContext {
  store: Pick<Store, 'query'>;
  names: Names;
  handled: (key: InboxKey) => Promise<boolean | undefined>;
}

/** Returns the last replay in the audit; null if there is none. `store`: the store of the dead letters. `handled`:
 *  whether the worker has handled the event; undefined if its store is unreachable. */
export async function lastReplay(
  deadLetter: StoredDeadLetter,
  trail: readonly AuditEntry[],
  { store, names, handled }: LastReplayContext,
): Promise<LastReplay | null> {
  const entry = trail.findLast(({ action }) => action === 'replayed');
  if (entry === undefined) return null;
  const worker = replayTarget(entry) ?? deadLetter.worker;
  const result = async (): Promise<Pick<LastReplay, 'outcome' | 'deadLetteredAs'>> => {
    if (deadLetter.state !== 'replayed') return { outcome: 'dead_lettered_again', deadLetteredAs: null };
    const { source, id } = sentEvent(deadLetter);
    if (source === null || id === null) return { outcome: 'unknown', deadLetteredAs: null };
    const isHandled = await handled({ consumer: worker, source, id });
    if (isHandled === true) return { outcome: 'handled', deadLetteredAs: null };
    const next = await nextDeadLetter(store, { worker, source, id, replays: deadLetter.replays });
    if (next !== undefined) return { outcome: 'dead_lettered_again', deadLetteredAs: next };
    return { outcome: isHandled === undefined ? 'unknown' : 'not_handled', deadLetteredAs: null };
  };
  return { at: entry.at, who: entry.who, worker, queue: names.queue(worker), ...(await result()) };
}

/** The dead letter of the same message after `replays` replays. */
async function nextDeadLetter(
  store: Pick<Store, 'query'>,
  { worker, source, id, replays }: { worker: string; source: string; id: string; replays: number },
): Promise<string | undefined> {
  const [next] = await store.query<{ id: string }>`
    SELECT id FROM dead_letters
    WHERE worker = ${worker} AND event_id = ${id} AND source = ${source} AND replays > ${replays}
    ORDER BY replays, id LIMIT 1`;
  return next?.id;
}

/** The event of the message that the replay published. */
function sentEvent({ replacement, source, eventId }: StoredDeadLetter): { source: string | null; id: string | null } {
  return replacement === null ? { source, id: eventId } : (JSON.parse(replacement.body) as EventEnvelope);
}
