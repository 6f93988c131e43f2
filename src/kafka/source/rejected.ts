import type { Sql, Tx } from '../../store/store.js';
import type { ConsumedRecord } from '../client/kafka-client.js';
import type { ConsumedPartition } from './offset-table.js';

/** Kafka keeps a record that is larger, too: its place is known. */
const MAX_KEPT_BYTES = 1024 * 1024;

/** A record that its consumer could not process. */
export interface RejectedRecord {
  consumer: string;
  topic: string;
  partition: number;
  offset: number;
  code: string;
  detail: string;
  /** Milliseconds since the epoch. */
  rejectedAt: number;
}

/** The record itself. */
export interface RejectedContent {
  key: string | null;
  /** Null if it was larger than 1 MiB or absent. */
  body: Buffer | null;
  timestamp: number;
  headers: Readonly<Record<string, string>>;
}

/** Stores a record as rejected, in the transaction that moves the offset past it. */
export async function storeRejected(
  tx: Tx,
  { consumer, topic, partition }: ConsumedPartition,
  record: ConsumedRecord,
  { code, detail, now }: { code: string; detail: string; now: number },
): Promise<void> {
  const body = record.value !== null && record.value.length <= MAX_KEPT_BYTES ? record.value : null;
  await tx.sql`
    INSERT INTO flotilla_kafka_rejected (consumer, topic, partition_number, record_offset, code, detail, rejected_at,
      record_time, record_key, headers, body)
    VALUES (${consumer}, ${topic}, ${partition}, ${record.offset}, ${code}, ${detail}, ${now},
      ${record.timestamp}, ${record.key?.toString() ?? null}, ${JSON.stringify(record.headers)}, ${body})
    ON CONFLICT (consumer, topic, partition_number, record_offset) DO NOTHING`;
}

/** Returns how many records of a consumer wait for a decision. */
export async function countRejected(sql: Sql, consumer: string): Promise<number> {
  const [row] = await sql<{ n: number }>`
    SELECT COUNT(*) AS n FROM flotilla_kafka_rejected WHERE consumer = ${consumer}`;
  return Number(row?.n ?? 0);
}

interface Row {
  consumer: string;
  topic: string;
  partition_number: number;
  record_offset: number;
  code: string;
  detail: string;
  rejected_at: number;
}

/** Returns rejected records, the oldest first. */
export async function listRejected(sql: Sql, limit: number): Promise<RejectedRecord[]> {
  const rows = await sql<Row>`
    SELECT consumer, topic, partition_number, record_offset, code, detail, rejected_at FROM flotilla_kafka_rejected
    ORDER BY rejected_at, topic, partition_number, record_offset LIMIT ${limit}`;
  return rows.map((row) => ({
    consumer: row.consumer,
    topic: row.topic,
    partition: Number(row.partition_number),
    offset: Number(row.record_offset),
    code: row.code,
    detail: row.detail,
    rejectedAt: Number(row.rejected_at),
  }));
}

/** The place of a record in Kafka. */
export interface RecordPlace {
  topic: string;
  partition: number;
  offset: number;
}

/** Returns the content of a rejected record with its consumer; undefined if there is none. */
export async function rejectedContent(
  sql: Sql,
  { topic, partition, offset }: RecordPlace,
): Promise<(RejectedContent & { consumer: string; code: string; detail: string }) | undefined> {
  const [row] = await sql<
    Row & { record_time: number; record_key: string | null; headers: string; body: Uint8Array | null }
  >`
    SELECT * FROM flotilla_kafka_rejected
    WHERE topic = ${topic} AND partition_number = ${partition} AND record_offset = ${offset}`;
  if (row === undefined) return undefined;
  return {
    consumer: row.consumer,
    code: row.code,
    detail: row.detail,
    key: row.record_key,
    body: row.body === null ? null : Buffer.from(row.body),
    timestamp: Number(row.record_time),
    headers: JSON.parse(row.headers) as Record<string, string>,
  };
}

/** Deletes a rejected record; false if it does not exist. */
export async function deleteRejected(sql: Sql, { topic, partition, offset }: RecordPlace): Promise<boolean> {
  const deleted = await sql`
    DELETE FROM flotilla_kafka_rejected
    WHERE topic = ${topic} AND partition_number = ${partition} AND record_offset = ${offset} RETURNING consumer`;
  return deleted.length > 0;
}
