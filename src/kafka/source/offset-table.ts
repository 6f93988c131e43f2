import type { Migration, Sql, Store } from '../../store/store.js';

const migrations: readonly Migration[] = [
  {
    name: '1-kafka-offsets',
    sql: `
      CREATE TABLE flotilla_kafka_offsets (
        consumer TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition_number INTEGER NOT NULL,
        next_offset BIGINT NOT NULL,
        PRIMARY KEY (consumer, topic, partition_number)
      );
      CREATE TABLE flotilla_kafka_rejected (
        consumer TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition_number INTEGER NOT NULL,
        record_offset BIGINT NOT NULL,
        code TEXT NOT NULL,
        detail TEXT NOT NULL,
        rejected_at BIGINT NOT NULL,
        record_time BIGINT NOT NULL,
        record_key TEXT,
        headers TEXT NOT NULL,
        body BLOB,
        PRIMARY KEY (consumer, topic, partition_number, record_offset)
      );
    `,
  },
];

/** Creates the tables of Kafka consumers: their offsets and rejected records. Idempotent. */
export async function migrateKafkaTables(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('kafka', migrations);
}

/** A partition as one consumer reads it. */
export interface ConsumedPartition {
  consumer: string;
  topic: string;
  partition: number;
}

/** Returns the offset of the next record to process; undefined for a partition that was never read. */
export async function nextOffset(
  sql: Sql,
  { consumer, topic, partition }: ConsumedPartition,
): Promise<bigint | undefined> {
  const [row] = await sql<{ next_offset: number }>`
    SELECT next_offset FROM flotilla_kafka_offsets
    WHERE consumer = ${consumer} AND topic = ${topic} AND partition_number = ${partition}`;
  return row && BigInt(row.next_offset);
}

/** Returns the next offset of every partition that a consumer has read. */
export async function listOffsets(
  sql: Sql,
  consumer: string,
): Promise<{ topic: string; partition: number; next: bigint }[]> {
  const rows = await sql<{ topic: string; partition_number: number; next_offset: number }>`
    SELECT topic, partition_number, next_offset FROM flotilla_kafka_offsets WHERE consumer = ${consumer}
    ORDER BY topic, partition_number`;
  return rows.map(({ topic, partition_number: partition, next_offset: next }) => {
    return { topic, partition: Number(partition), next: BigInt(next) };
  });
}

/** Deletes the offsets of a consumer: it would begin again. */
export async function forgetOffsets(sql: Sql, consumer: string): Promise<void> {
  await sql`DELETE FROM flotilla_kafka_offsets WHERE consumer = ${consumer}`;
}

/** Moves the offset of a partition; false, without a change, if it is not at `from`, because another member of the group
 *  has moved it. */
export async function moveOffset(
  sql: Sql,
  { consumer, topic, partition }: ConsumedPartition,
  from: bigint | undefined,
  to: bigint,
): Promise<boolean> {
  const moved =
    from === undefined
      ? await sql`
          INSERT INTO flotilla_kafka_offsets (consumer, topic, partition_number, next_offset)
          VALUES (${consumer}, ${topic}, ${partition}, ${to})
          ON CONFLICT (consumer, topic, partition_number) DO NOTHING RETURNING consumer`
      : await sql`
          UPDATE flotilla_kafka_offsets SET next_offset = ${to}
          WHERE consumer = ${consumer} AND topic = ${topic} AND partition_number = ${partition}
            AND next_offset = ${from} RETURNING consumer`;
  return moved.length > 0;
}
