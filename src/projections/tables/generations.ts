import { FlotillaError } from '../../errors.js';
import type { Sql, Store } from '../../store/store.js';
import { physicalName, template } from './physical-names.js';
import { makeTables, noteGeneration, tablesFit, tablesOf } from './prepare.js';
import type { ProjectionDefinition } from '../definition.js';

/** One set of tables of a model, filled from the first event. */
export interface Generation {
  generation: number;
  version: number;
  tables: string[];
  /** RFC 3339, UTC. */
  madeAt: string;
}

type Role = 'live' | 'building' | 'old';

interface Row {
  generation: number;
  version: number;
  tables: string;
  made_at: string;
}

/** The generations of a projection in this role, oldest first. */
export async function generationsOf(sql: Sql, projection: string, role: Role): Promise<Generation[]> {
  const rows = await sql<Row>`
    SELECT generation, version, tables, made_at FROM flotilla_projection_generations
    WHERE projection = ${projection} AND role = ${role} ORDER BY generation`;
  return rows.map(({ generation, version, tables, made_at }) => ({
    generation: Number(generation),
    version: Number(version),
    tables: tablesOf(tables),
    madeAt: made_at,
  }));
}

/** Does nothing if the generation is no longer in the role `from`. */
export async function setRole(
  sql: Sql,
  { projection, generation, from, to }: { projection: string; generation: number; from: Role; to: Role },
): Promise<void> {
  await sql`
    UPDATE flotilla_projection_generations SET role = ${to}
    WHERE projection = ${projection} AND generation = ${generation} AND role = ${from}`;
}

/** Returns the generation to build, whose tables exist. A generation begun by another version of the projection, or
 *  with different tables, is discarded. */
export async function beginBuilding(
  store: Store,
  definition: ProjectionDefinition,
  { restart, now }: { restart: boolean; now: () => number },
): Promise<{ generation: number; resumed: boolean }> {
  const { name } = definition;
  const [begun] = await generationsOf(store.query, name, 'building');
  if (begun !== undefined && begun.version === definition.version && !restart) {
    if (await tablesFit(store, definition, begun.generation)) return { generation: begun.generation, resumed: true };
  }
  if (begun !== undefined) {
    const { generation } = begun;
    await store.transaction(({ sql }) => setRole(sql, { projection: name, generation, from: 'building', to: 'old' }));
  }
  await dropOld(store, name);
  const madeAt = new Date(now()).toISOString();
  const generation = await store.transaction(async ({ sql }) => {
    const [row] = await sql<{ last_generation: number }>`
      UPDATE flotilla_projections SET last_generation = last_generation + 1 WHERE name = ${name}
      RETURNING last_generation`;
    if (row === undefined) throw new FlotillaError('projection.not_found', name);
    await noteGeneration(sql, definition, { generation: Number(row.last_generation), role: 'building', madeAt });
    return Number(row.last_generation);
  });
  await makeTables(store, definition, generation);
  return { generation, resumed: false };
}

/** Drops the tables of old generations. After an interruption, the next call finishes it. */
export async function dropOld(store: Store, projection: string): Promise<void> {
  for (const { generation, tables } of await generationsOf(store.query, projection, 'old')) {
    await store.transaction(async ({ sql }) => {
      // in reverse order: a table may refer to those before it
      for (const table of [...tables].reverse()) {
        await sql(template([`DROP TABLE IF EXISTS ${physicalName(table, generation)}`]));
      }
      await sql`
        DELETE FROM flotilla_projection_generations WHERE projection = ${projection} AND generation = ${generation}`;
    });
  }
}
