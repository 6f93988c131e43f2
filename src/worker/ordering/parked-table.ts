import type { MessageOrigin, MessageProperties } from '../../broker/broker.js';
import { HEADERS } from '../../broker/messages/headers.js';
import type { Migration, Sql } from '../../store/store.js';
import { SEQUENCE_GAP } from './sequence.js';

/** Replayed dead letters of one key that are looked at. */
const MAX_REPLAYS = 100;

/** A message of an ordered worker that waits in the store of the worker. */
export interface ParkedMessage {
  /** Its place among all parked messages of the worker. */
  place: number;
  /** The messages with this key are handled one after the other. */
  key: string;
  /** Its number in the sequence of its key; undefined: its place decides. */
  sequence: number | undefined;
  source: string;
  id: string;
  type: string;
  exchange: string;
  routingKey: string;
  body: Uint8Array;
  properties: MessageProperties & { headers: NonNullable<MessageProperties['headers']> };
  origin: MessageOrigin | undefined;
  /** When it may be handled, if no other message precedes it, in milliseconds since the epoch. */
  dueAt: number;
  /** When it was parked, in milliseconds since the epoch. */
  since: number;
}

export type NewParkedMessage = Omit<ParkedMessage, 'place'>;

/** A key whose messages wait for an operator. */
export interface Hold {
  key: string;
  /** In milliseconds since the epoch. */
  since: number;
  /** The code with which a message was dead-lettered; null if an operator holds the key. */
  code: string | null;
  /** The place of that message; null if an operator holds the key. */
  place: number | null;
}

/** How many messages of a key are parked. */
export interface ParkedKey {
  key: string;
  count: number;
  /** Of the first message. */
  sequence: number | undefined;
  source: string;
  id: string;
  type: string;
  dueAt: number;
  since: number;
}

/** Messages of one key are handled in the order of their numbers, then of their places. */
export const orderingMigrations: readonly Migration[] = [
  {
    name: '1-parked',
    sql: `
      CREATE TABLE flotilla_parked (
        worker TEXT NOT NULL,
        place BIGINT NOT NULL,
        key TEXT NOT NULL,
        source TEXT NOT NULL,
        event_id TEXT NOT NULL,
        type TEXT NOT NULL,
        exchange TEXT NOT NULL,
        routing_key TEXT NOT NULL,
        body BLOB NOT NULL,
        properties TEXT NOT NULL,
        origin TEXT,
        due_at BIGINT NOT NULL,
        since BIGINT NOT NULL,
        PRIMARY KEY (worker, place)
      );
      CREATE UNIQUE INDEX flotilla_parked_by_event ON flotilla_parked (worker, event_id, source);
      CREATE INDEX flotilla_parked_by_key ON flotilla_parked (worker, key, place);
      CREATE TABLE flotilla_held (
        worker TEXT NOT NULL,
        key TEXT NOT NULL,
        since BIGINT NOT NULL,
        code TEXT,
        PRIMARY KEY (worker, key)
      );
    `,
  },
  {
    name: '2-sequence',
    sql: `
      ALTER TABLE flotilla_parked ADD COLUMN sequence BIGINT;
      ALTER TABLE flotilla_held ADD COLUMN place BIGINT;
      DROP INDEX flotilla_parked_by_key;
      CREATE INDEX flotilla_parked_in_order ON flotilla_parked (worker, key, sequence, place);
      CREATE TABLE flotilla_passed (
        worker TEXT NOT NULL,
        key TEXT NOT NULL,
        number BIGINT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (worker, key)
      );
    `,
  },
];

export interface ParkedRow {
  place: number;
  key: string;
  sequence: number | null;
  source: string;
  event_id: string;
  type: string;
  exchange: string;
  routing_key: string;
  body: Uint8Array;
  properties: string;
  origin: MessageOrigin | null;
  due_at: number;
  since: number;
}

export function parkedMessageOf(row: ParkedRow): ParkedMessage {
  return {
    place: Number(row.place),
    key: row.key,
    sequence: row.sequence === null ? undefined : Number(row.sequence),
    source: row.source,
    id: row.event_id,
    type: row.type,
    exchange: row.exchange,
    routingKey: row.routing_key,
    body: row.body,
    properties: JSON.parse(row.properties) as ParkedMessage['properties'],
    origin: row.origin ?? undefined,
    dueAt: Number(row.due_at),
    since: Number(row.since),
  };
}

/** Adds a message behind the others of the worker. Resolves with its place. */
export async function insertParked(sql: Sql, worker: string, message: NewParkedMessage): Promise<number> {
  const { key, sequence, source, id, type, exchange, routingKey, body, properties, origin, dueAt, since } = message;
  const [row] = await sql<{ place: number }>`
    INSERT INTO flotilla_parked
      (worker, place, key, sequence, source, event_id, type, exchange, routing_key, body, properties, origin, due_at, since)
    SELECT ${worker}, COALESCE(MAX(place), 0) + 1, ${key}, ${sequence ?? null}, ${source}, ${id}, ${type}, ${exchange},
      ${routingKey}, ${body}, ${JSON.stringify(properties)}, ${origin ?? null}, ${dueAt}, ${since}
    FROM flotilla_parked WHERE worker = ${worker}
    RETURNING place`;
  return Number(row?.place);
}

/** Replaces a parked message; it keeps its place. */
export async function updateParked(sql: Sql, worker: string, { place, ...message }: ParkedMessage): Promise<void> {
  const { source, id, type, body, properties, origin, dueAt } = message;
  await sql`
    UPDATE flotilla_parked
    SET source = ${source}, event_id = ${id}, type = ${type}, body = ${body}, properties = ${JSON.stringify(properties)},
      origin = ${origin ?? null}, due_at = ${dueAt}
    WHERE worker = ${worker} AND place = ${place}`;
}

export async function deleteParked(sql: Sql, worker: string, place: number): Promise<void> {
  await sql`DELETE FROM flotilla_parked WHERE worker = ${worker} AND place = ${place}`;
}

/** The parked message of an event. */
export async function findParked(
  sql: Sql,
  worker: string,
  { source, id }: Pick<ParkedMessage, 'source' | 'id'>,
): Promise<ParkedMessage | undefined> {
  const [row] = await sql<ParkedRow>`
    SELECT * FROM flotilla_parked WHERE worker = ${worker} AND event_id = ${id} AND source = ${source}`;
  return row && parkedMessageOf(row);
}

/** The first parked message of a key. */
export async function firstParked(sql: Sql, worker: string, key: string): Promise<ParkedMessage | undefined> {
  const [first] = await messagesOfKey(sql, worker, key, 1);
  return first;
}

/** The message that holds its key: the one that was dead-lettered, or the first one. */
export async function heldMessage(sql: Sql, worker: string, { key, place }: Hold): Promise<ParkedMessage | undefined> {
  if (place === null) return firstParked(sql, worker, key);
  const [row] = await sql<ParkedRow>`
    SELECT * FROM flotilla_parked WHERE worker = ${worker} AND key = ${key} AND place = ${place}`;
  return row && parkedMessageOf(row);
}

export async function holdOf(sql: Sql, worker: string, key: string): Promise<Hold | undefined> {
  const [row] = await sql<Hold>`
    SELECT key, since, code, place FROM flotilla_held WHERE worker = ${worker} AND key = ${key}`;
  return row && readHold(row);
}

function readHold({ key, since, code, place }: Hold): Hold {
  return { key, since: Number(since), code, place: place === null ? null : Number(place) };
}

/** Whether a new message of the key has to wait. */
export async function mustWait(sql: Sql, worker: string, key: string): Promise<boolean> {
  const rows = await sql`
    SELECT 1 AS waits FROM flotilla_parked WHERE worker = ${worker} AND key = ${key}
    UNION ALL SELECT 1 FROM flotilla_held WHERE worker = ${worker} AND key = ${key} LIMIT 1`;
  return rows.length > 0;
}

/** Holds a key, unless it is held already. A message that was dead-lettered although it fills a gap takes the place of the one
 *  that was dead-lettered for the gap. */
export async function insertHold(sql: Sql, worker: string, { key, since, code, place }: Hold): Promise<void> {
  await sql`
    INSERT INTO flotilla_held (worker, key, since, code, place) VALUES (${worker}, ${key}, ${since}, ${code}, ${place})
    ON CONFLICT (worker, key) DO UPDATE SET since = excluded.since, code = excluded.code, place = excluded.place
    WHERE flotilla_held.code = ${SEQUENCE_GAP}`;
}

/** False if the key is not held. */
export async function deleteHold(sql: Sql, worker: string, key: string): Promise<boolean> {
  return (await sql`DELETE FROM flotilla_held WHERE worker = ${worker} AND key = ${key} RETURNING key`).length > 0;
}

/** How many messages of a worker are parked, and how many of the key. */
export async function countParked(sql: Sql, worker: string, key: string): Promise<{ all: number; ofKey: number }> {
  const [row] = await sql<{ total: number; of_key: number }>`
    SELECT (SELECT COUNT(*) FROM flotilla_parked WHERE worker = ${worker}) AS total,
      (SELECT COUNT(*) FROM flotilla_parked WHERE worker = ${worker} AND key = ${key}) AS of_key`;
  return { all: Number(row?.total ?? 0), ofKey: Number(row?.of_key ?? 0) };
}

/** Whether a worker has any parked message or hold. */
export async function isAnyWaiting(sql: Sql, worker: string): Promise<boolean> {
  const rows = await sql`
    SELECT 1 AS waits FROM flotilla_parked WHERE worker = ${worker}
    UNION ALL SELECT 1 FROM flotilla_held WHERE worker = ${worker} LIMIT 1`;
  return rows.length > 0;
}

/** How many messages and holds a worker has. */
export async function countWaiting(sql: Sql, worker: string): Promise<{ parked: number; held: number }> {
  const [row] = await sql<{ parked: number; held: number }>`
    SELECT (SELECT COUNT(*) FROM flotilla_parked WHERE worker = ${worker}) AS parked,
      (SELECT COUNT(*) FROM flotilla_held WHERE worker = ${worker}) AS held`;
  return { parked: Number(row?.parked ?? 0), held: Number(row?.held ?? 0) };
}

/** The first message of each key that is not held, those due first before the others, at most `limit`. */
export async function nextHeads(sql: Sql, worker: string, limit: number): Promise<ParkedMessage[]> {
  const rows = await sql<ParkedRow>`
    SELECT parked.*
    FROM (SELECT MIN(place) AS place FROM flotilla_parked WHERE worker = ${worker} GROUP BY key) AS head
    JOIN flotilla_parked AS parked ON parked.worker = ${worker} AND parked.place = head.place
    WHERE NOT EXISTS (SELECT 1 FROM flotilla_held WHERE worker = ${worker} AND key = parked.key)
    ORDER BY parked.due_at, parked.place LIMIT ${limit}`;
  return rows.map(parkedMessageOf);
}

/** The keys with parked messages, those with the most first, at most `limit`. */
export async function parkedKeys(sql: Sql, worker: string, limit: number): Promise<ParkedKey[]> {
  const rows = await sql<ParkedRow & { count: number; oldest: number }>`
    SELECT key, COUNT(*) AS count, MIN(since) AS oldest, MIN(place) AS place FROM flotilla_parked
    WHERE worker = ${worker} GROUP BY key ORDER BY count DESC, key LIMIT ${limit}`;
  const keys: ParkedKey[] = [];
  for (const { key, count, oldest } of rows) {
    const head = await firstParked(sql, worker, key);
    if (head === undefined) continue;
    const { sequence, source, id, type, dueAt } = head;
    keys.push({ key, count: Number(count), sequence, source, id, type, dueAt, since: Number(oldest) });
  }
  return keys;
}

/** The number of parked messages of each key, and when the oldest was parked; at most as many as a worker may park. */
export async function countByKey(sql: Sql, worker: string): Promise<Pick<ParkedKey, 'key' | 'count' | 'since'>[]> {
  const rows = await sql<Pick<ParkedKey, 'key' | 'count' | 'since'>>`
    SELECT key, COUNT(*) AS count, MIN(since) AS since FROM flotilla_parked WHERE worker = ${worker} GROUP BY key`;
  return rows.map(({ key, count, since }) => ({ key, count: Number(count), since: Number(since) }));
}

/** The replayed dead letters among the parked messages of a key. */
export async function parkedReplays(sql: Sql, worker: string, key: string): Promise<ParkedMessage[]> {
  const rows = await sql<ParkedRow>`
    SELECT * FROM flotilla_parked WHERE worker = ${worker} AND key = ${key} AND properties LIKE ${`%"${HEADERS.replays}":%`}
    ORDER BY place LIMIT ${MAX_REPLAYS}`;
  return rows.map(parkedMessageOf);
}

/** The holds of a worker, oldest first, at most `limit`. */
export async function holdsOf(sql: Sql, worker: string, limit: number): Promise<Hold[]> {
  const rows = await sql<Hold>`
    SELECT key, since, code, place FROM flotilla_held WHERE worker = ${worker} ORDER BY since, key LIMIT ${limit}`;
  return rows.map(readHold);
}

/** The messages of a key in their order, at most `limit`. */
export async function messagesOfKey(sql: Sql, worker: string, key: string, limit: number): Promise<ParkedMessage[]> {
  const rows = await sql<ParkedRow>`
    SELECT * FROM flotilla_parked WHERE worker = ${worker} AND key = ${key} ORDER BY sequence, place LIMIT ${limit}`;
  return rows.map(parkedMessageOf);
}
