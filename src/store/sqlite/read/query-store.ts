import type { Migration, Sql } from '../../store.js';
import { isOfThisRelease } from '../tables/schema.js';
import { TaggedSql } from '../tagged-sql.js';
import { openForReading } from './read-database.js';

/** Migrations by their owner, as `Store.migrate` runs them. */
export type MigrationsByOwner = Readonly<Record<string, readonly Migration[]>>;

export interface QueryStoreOptions {
  /** Undefined: any store. */
  expectedId: string | undefined;
  /** What `read` needs. */
  migrations: MigrationsByOwner;
}

/**
 * Runs `read` with the queries of a store, without opening it as a store, which takes ten times as long. Writes nothing,
 * and does not wait until what it reads is durable: for results that are only displayed. Resolves with undefined if the file
 * cannot be read so: it has another id, is of another release, lacks a migration, or reading fails. Opening it as a store
 * then brings it up to date, or reports why not.
 */
export async function queryStore<T>(
  path: string,
  { expectedId, migrations }: QueryStoreOptions,
  read: (query: Sql) => Promise<T>,
): Promise<{ value: T } | undefined> {
  let db;
  try {
    db = openForReading(path);
    if (!isOfThisRelease(db, expectedId)) return undefined;
    const ran = new Set(db.prepare<[], string>("SELECT owner || ' ' || name FROM flotilla_migrations").pluck().all());
    const isMissing = ([owner, each]: [string, readonly Migration[]]) =>
      each.some(({ name }) => !ran.has(`${owner} ${name}`));
    if (Object.entries(migrations).some(isMissing)) return undefined;
    const sql = new TaggedSql(db);
    return { value: await read(async (text, ...values) => sql.run(sql.prepare(text), values)) };
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
}
