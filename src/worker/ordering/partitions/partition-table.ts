import type { SetSize } from '../../../broker/topology/topology.js';
import type { Migration, Sql, Tx } from '../../../store/store.js';

/** Among how many partitions the messages of an ordered worker are distributed. */
export interface PartitionState {
  /** Rises with each change. */
  epoch: number;
  size: SetSize;
  /** The change under way. */
  moving: Move | undefined;
}

export interface Move {
  to: SetSize;
  /** The old partitions whose messages are all settled. */
  passed: ReadonlySet<number>;
}

export const partitionMigrations: readonly Migration[] = [
  {
    name: '1-partitions',
    sql: `
      CREATE TABLE flotilla_partitions (
        worker TEXT NOT NULL PRIMARY KEY,
        epoch BIGINT NOT NULL,
        size INTEGER NOT NULL,
        moving_to INTEGER
      );
      CREATE TABLE flotilla_partitions_passed (
        worker TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        partition INTEGER NOT NULL,
        PRIMARY KEY (worker, epoch, partition)
      );
    `,
  },
  {
    name: '2-orders',
    sql: 'CREATE TABLE flotilla_orders (worker TEXT NOT NULL PRIMARY KEY, ordered_by TEXT NOT NULL)',
  },
  {
    name: '3-marks',
    sql: 'CREATE TABLE flotilla_marks (worker TEXT NOT NULL PRIMARY KEY, mark TEXT NOT NULL)',
  },
];

/** In which order the replicas of a worker that started last handle messages; undefined if they were of a release that did not
 *  record it. */
export async function readOrder(sql: Sql, worker: string): Promise<string | undefined> {
  const [row] = await sql<{ ordered_by: string }>`SELECT ordered_by FROM flotilla_orders WHERE worker = ${worker}`;
  if (row !== undefined) return row.ordered_by;
  return (await readPartitions(sql, worker)) === undefined ? 'none' : undefined;
}

export async function writeOrder(tx: Tx, worker: string, by: string): Promise<void> {
  await tx.sql`
    INSERT INTO flotilla_orders (worker, ordered_by) VALUES (${worker}, ${by})
    ON CONFLICT (worker) DO UPDATE SET ordered_by = ${by}`;
}

/** The topic that is notified of changes of the partitions of a worker. */
export function partitionTopic(worker: string): string {
  return `partitions:${worker}`;
}

/** The lease of the command that changes the partitions of a worker. */
export function moveLease(worker: string): string {
  return `partitions:${worker}`;
}

/** Undefined before the first start of the worker with this store. */
export async function readPartitions(sql: Sql, worker: string): Promise<PartitionState | undefined> {
  const [row] = await sql<{ epoch: number; size: SetSize; moving_to: SetSize | null }>`
    SELECT epoch, size, moving_to FROM flotilla_partitions WHERE worker = ${worker}`;
  if (row === undefined) return undefined;
  const [epoch, size] = [Number(row.epoch), Number(row.size) as SetSize];
  if (row.moving_to === null) return { epoch, size, moving: undefined };
  const passed = await sql<{ partition: number }>`
    SELECT partition FROM flotilla_partitions_passed WHERE worker = ${worker} AND epoch = ${epoch}`;
  const moving = {
    to: Number(row.moving_to) as SetSize,
    passed: new Set(passed.map((each) => Number(each.partition))),
  };
  return { epoch, size, moving };
}

/** Replaces the state; a new epoch forgets which partitions have passed. */
export async function writePartitions(
  tx: Tx,
  worker: string,
  { epoch, size, to = null }: { epoch: number; size: SetSize; to?: SetSize | null },
): Promise<void> {
  await tx.sql`
    INSERT INTO flotilla_partitions (worker, epoch, size, moving_to) VALUES (${worker}, ${epoch}, ${size}, ${to})
    ON CONFLICT (worker) DO UPDATE SET epoch = ${epoch}, size = ${size}, moving_to = ${to}`;
  await tx.sql`DELETE FROM flotilla_partitions_passed WHERE worker = ${worker}`;
  await tx.notify(partitionTopic(worker));
}

/** Records that all messages of an old partition are settled. Without effect for another epoch. */
export async function passPartition(tx: Tx, worker: string, epoch: number, partition: number): Promise<void> {
  await tx.sql`
    INSERT INTO flotilla_partitions_passed (worker, epoch, partition)
    SELECT worker, epoch, ${partition} FROM flotilla_partitions
    WHERE worker = ${worker} AND epoch = ${epoch} AND moving_to IS NOT NULL
    ON CONFLICT (worker, epoch, partition) DO NOTHING`;
  await tx.notify(partitionTopic(worker));
}
