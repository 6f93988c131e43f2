import { FlotillaError } from '../../errors.js';
import type { Sql, Store, Tx } from '../../store/store.js';
import {
  deleteParked,
  heldMessage,
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
import { passedNumber, raisePassed } from './passed-table.js';
import { formatKey, subjectOf, type Numbers } from './sequence.js';
import { endHold } from './sequences.js';

/** A subject of an ordered worker with messages that wait. */
export interface WaitingSubject {
  /** The key of its messages, by which it is held, released and skipped. */
  key: string;
  subject: string;
  /** The source of its events; undefined if the worker does not handle consecutive numbers. */
  source: string | undefined;
  /** The number of parked messages. */
  parked: number;
  /** Undefined if none is parked. */
  first: Pick<ParkedKey, 'source' | 'id' | 'type' | 'dueAt' | 'sequence'> | undefined;
  /** Of the oldest parked message, or of the hold; in milliseconds since the epoch. */
  since: number;
  hold: Hold | undefined;
  /** The numbers for which its first message waits. */
  missing: Numbers | undefined;
}

const MAX_LISTED = 1_000;

/** The subjects of a worker that are held, then those with the most parked messages; at most 1,000 of each. */
export async function waitingSubjects({ query }: Pick<Store, 'query'>, worker: string): Promise<WaitingSubject[]> {
  const keys = new Map((await parkedKeys(query, worker, MAX_LISTED)).map((each) => [each.key, each]));
  const holds = new Map((await holdsOf(query, worker, MAX_LISTED)).map((hold) => [hold.key, hold]));
  const found: WaitingSubject[] = [];
  for (const key of new Set([...holds.keys(), ...keys.keys()])) {
    const [first, hold] = [keys.get(key), holds.get(key)];
    const since = first?.since ?? hold?.since ?? 0;
    const missing = first && (await missingBefore(query, worker, first));
    found.push({ key, ...subjectOf(key), parked: first?.count ?? 0, first, since, hold, missing });
  }
  return found;
}

/** The numbers for which a parked message waits; undefined if it waits for none. */
async function missingBefore(
  sql: Sql,
  worker: string,
  { key, sequence }: Pick<ParkedKey, 'key' | 'sequence'>,
): Promise<Numbers | undefined> {
  const from = ((await passedNumber(sql, worker, key)) ?? 0) + 1;
  return sequence === undefined || sequence <= from ? undefined : { from, to: sequence - 1 };
}

/** The numbers that are missing before and between the parked messages of a key, in their order. */
export async function missingNumbers(
  { query }: Pick<Store, 'query'>,
  worker: string,
  { key, messages }: { key: string; messages: readonly Pick<ParkedMessage, 'sequence'>[] },
): Promise<Numbers[]> {
  const missing: Numbers[] = [];
  let passed = (await passedNumber(query, worker, key)) ?? 0;
  for (const { sequence = 0 } of messages) {
    if (sequence > passed + 1) missing.push({ from: passed + 1, to: sequence - 1 });
    passed = Math.max(passed, sequence);
  }
  return missing;
}

/** Holds a subject: its next messages are parked. False if it is held already. */
export function holdSubject(store: Store, worker: string, subject: string, now: number): Promise<boolean> {
  return store.transaction(
    notifying(worker, async ({ sql }) => {
      if ((await holdOf(sql, worker, subject)) !== undefined) return false;
      await insertHold(sql, worker, { key: subject, since: now, code: null, place: null });
      return true;
    }),
  );
}

/** Ends the hold of a key: its parked messages are handled, also the one that was dead-lettered, and also if its predecessors
 *  are missing. Throws `subject.not_held`. */
export function releaseSubject(store: Store, worker: string, key: string, now: number): Promise<void> {
  return store.transaction(
    notifying(worker, async (tx) => {
      const hold = await requireHold(tx, worker, key);
      const held = await heldMessage(tx.sql, worker, hold);
      await endHold(tx, worker, hold);
      if (held !== undefined) await updateParked(tx.sql, worker, { ...held, dueAt: now });
    }),
  );
}

/** Ends the hold of a key without the message that was dead-lettered, or without the first one if an operator holds the key.
 *  Resolves with that message; undefined if none was parked. Throws `subject.not_held`. */
export function skipFirst(store: Store, worker: string, key: string, now: number): Promise<ParkedMessage | undefined> {
  return store.transaction(
    notifying(worker, async (tx) => {
      const hold = await requireHold(tx, worker, key);
      const held = await heldMessage(tx.sql, worker, hold);
      await endHold(tx, worker, hold);
      if (held === undefined) return undefined;
      await deleteParked(tx.sql, worker, held.place);
      if (held.sequence !== undefined) await raisePassed(tx.sql, worker, { key, number: held.sequence, at: now });
      return held;
    }),
  );
}

async function requireHold({ sql }: Tx, worker: string, key: string): Promise<Hold> {
  const hold = await holdOf(sql, worker, key);
  if (hold === undefined) throw new FlotillaError('subject.not_held', `${formatKey(key)} at ${worker}`);
  return hold;
}
