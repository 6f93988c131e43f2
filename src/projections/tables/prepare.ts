import { FlotillaError, hasCode, messageOf } from '../../errors.js';
import type { Sql, Store } from '../../store/store.js';
import { physicalName, projectionMigrationOwner, statementsOf, template } from './physical-names.js';
import type { ProjectionDefinition } from '../definition.js';
import { migrations, readState } from './state.js';

/** Creates the tables that describe the models of a store. Idempotent. */
export async function migrateProjections(store: Store): Promise<void> {
  await store.migrate('projections', migrations);
}

/** Creates the first, empty generation of each missing model, and the views through which it is read. Leaves an
 *  existing model unchanged, whatever its version. Idempotent, and safe when several processes call it concurrently.
 *  Throws `projection.bad_definition` if a table of the same name belongs to something else. */
export async function prepareProjections(
  store: Store,
  projections: readonly ProjectionDefinition[],
  now: () => number = Date.now,
): Promise<void> {
  if (projections.length === 0) return;
  await migrateProjections(store);
  for (const definition of projections) {
    if ((await readState(store.query, definition.name)) === undefined) await makeFirst(store, definition, now);
  }
}

async function makeFirst(store: Store, definition: ProjectionDefinition, now: () => number): Promise<void> {
  const { name, version } = definition;
  await refuseTaken(store.query, definition);
  let generation = 1;
  // may be tables of another release whose process died before recording them, or is about to record them
  while (!(await tablesFit(store, definition, generation))) generation += 1;
  const madeAt = new Date(now()).toISOString();
  await store.transaction(async ({ sql }) => {
    if ((await readState(sql, name)) !== undefined) return;
    await refuseTaken(sql, definition);
    await sql`
      INSERT INTO flotilla_projections (name, generation, version, last_generation, status)
      VALUES (${name}, ${generation}, ${version}, ${generation}, 'running')`;
    await noteGeneration(sql, definition, { generation, role: 'live', madeAt });
    await makeViews(sql, Object.keys(definition.tables), generation);
  });
}

/** Creates the tables of a generation. Idempotent. */
export async function makeTables(store: Store, definition: ProjectionDefinition, generation: number): Promise<void> {
  const sql = statementsOf(definition, generation);
  await store.migrate(projectionMigrationOwner(definition.name), [{ name: `generation ${generation}`, sql }]);
}

/** Creates the missing tables of a generation. Returns false if different tables exist under their names. */
export async function tablesFit(store: Store, definition: ProjectionDefinition, generation: number): Promise<boolean> {
  try {
    await makeTables(store, definition, generation);
    return true;
  } catch (error) {
    if (hasCode(error, 'store.migration_changed')) return false;
    throw error;
  }
}

export async function noteGeneration(
  sql: Sql,
  { name, version, tables }: ProjectionDefinition,
  { generation, role, madeAt }: { generation: number; role: 'live' | 'building'; madeAt: string },
): Promise<void> {
  await sql`
    INSERT INTO flotilla_projection_generations (projection, generation, version, role, tables, made_at)
    VALUES (${name}, ${generation}, ${version}, ${role}, ${JSON.stringify(Object.keys(tables))}, ${madeAt})`;
}

/** Throws `projection.bad_definition` if another live model has a table of the same name. */
export async function refuseTaken(sql: Sql, { name, tables }: ProjectionDefinition): Promise<void> {
  const others = await sql<{ projection: string; tables: string }>`
    SELECT projection, tables FROM flotilla_projection_generations WHERE role = 'live' AND projection <> ${name}`;
  for (const { projection, tables: taken } of others) {
    const table = tablesOf(taken).find((candidate) => candidate in tables);
    if (table === undefined) continue;
    throw new FlotillaError(
      'projection.bad_definition',
      `${name}: the table ${table} belongs to ${projection}; call it otherwise`,
    );
  }
}

/** Parses the list of tables in a row of `flotilla_projection_generations`. */
export function tablesOf(json: string): string[] {
  return JSON.parse(json) as string[];
}

/** Creates the views with the plain names, through which a model is read. Throws `projection.bad_definition` for a name
 *  that is taken. */
export async function makeViews(sql: Sql, tables: readonly string[], generation: number): Promise<void> {
  for (const table of tables) {
    await changeView(sql, table, `CREATE VIEW ${table} AS SELECT * FROM ${physicalName(table, generation)}`);
  }
}

/** Drops the views of a model; ignores missing ones. Throws `projection.bad_definition` for a name that something other
 *  than a view has taken. */
export async function dropViews(sql: Sql, tables: readonly string[]): Promise<void> {
  for (const table of tables) await changeView(sql, table, `DROP VIEW IF EXISTS ${table}`);
}

async function changeView(sql: Sql, table: string, statement: string): Promise<void> {
  try {
    await sql(template([statement]));
  } catch (cause) {
    if (cause instanceof FlotillaError) throw cause;
    throw new FlotillaError('projection.bad_definition', `${table}: ${messageOf(cause)}`, { cause });
  }
}
