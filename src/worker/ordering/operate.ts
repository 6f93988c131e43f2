import { FlotillaError } from '../../errors.js';
import type { Store, Tx } from '../../store/store.js';
import {
  deleteHold,
  deleteParked,
  firstParked,
  holdOf,
  holdsOf,
  insertHold,
  parkedKeys,
  updateParked,
  type Hold,
  type ParkedKey,
  type ParkedMessage,
} from './parked-table.js';
import { notifying } from './parking.js';

/** A subject of an ordered worker with messages that wait. */
export interface WaitingSubject {
  subject: string;
  /** The number of parked messages. */
  parked: number;
  /** Undefined if none is parked. */
  first: Pick<ParkedKey, 'source' | 'id' | 'type' | 'dueAt'> | undefined;
  /** Of the oldest parked message, or of the hold; in milliseconds since the epoch. */
  since: number;
  hold: Hold | undefined;
}

const MAX_LISTED = 1_000;

/** The subjects of a worker that are held, then those with the most parked messages; at most 1,000 of each. */
export async function waitingSubjects({ query }: Pick<Store, 'query'>, worker: string): Promise<WaitingSubject[]> {
  const keys = new Map((await parkedKeys(query, worker, MAX_LISTED)).map((each) => [each.key, each]));
  const holds = new Map((await holdsOf(query, worker, MAX_LISTED)).map((hold) => [hold.key, hold]));
  return [...new Set([...holds.keys(), ...keys.keys()])].map((subject) => {
    const [parked, hold] = [keys.get(subject), holds.get(subject)];
    return { subject, parked: parked?.count ?? 0, first: parked, since: parked?.since ?? hold?.since ?? 0, hold };
  });
}

/** Holds a subject: its next messages are parked. False if it is held already. */
export function holdSubject(store: Store, worker: string, subject: string, now: number): Promise<boolean> {
  return store.transaction(
    notifying(worker, async ({ sql }) => {
      if ((await holdOf(sql, worker, subject)) !== undefined) return false;
      await insertHold(sql, worker, { key: subject, since: now, code: null });
      return true;
    }),
  );
}

/** Ends the hold of a subject: its parked messages are handled, also the first one. Throws `subject.not_held`. */
export function releaseSubject(store: Store, worker: string, subject: string, now: number): Promise<void> {
  return store.transaction(
    notifying(worker, async (tx) => {
      await endHold(tx, worker, subject);
      const first = await firstParked(tx.sql, worker, subject);
      if (first !== undefined) await updateParked(tx.sql, worker, { ...first, dueAt: now });
    }),
  );
}

/** Ends the hold of a subject without its first message. Resolves with that message; undefined if none was parked. Throws
 *  `subject.not_held`. */
export function skipFirst(store: Store, worker: string, subject: string): Promise<ParkedMessage | undefined> {
  return store.transaction(
    notifying(worker, async (tx) => {
      await endHold(tx, worker, subject);
      const first = await firstParked(tx.sql, worker, subject);
      if (first !== undefined) await deleteParked(tx.sql, worker, first.place);
      return first;
    }),
  );
}

async function endHold({ sql }: Tx, worker: string, subject: string): Promise<void> {
  if (!(await deleteHold(sql, worker, subject))) throw new FlotillaError('subject.not_held', `${subject} of ${worker}`);
}
