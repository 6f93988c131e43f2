import { isProjection, projectionDefinitionOf } from '../projections/definition.js';
import { projectionMigrationOwner } from '../projections/tables/physical-names.js';
import type { Store } from '../store/store.js';
import { workerDefinitionOf, workerMigrationOwner } from '../worker/definition/worker-definition.js';
import type { Route } from './route.js';

/** Returns the first projection or worker that a route reads and whose tables do not exist in this store, because no
 *  process has prepared it; undefined if there is none. */
export async function missingTables(
  { query }: Pick<Store, 'query'>,
  { reads }: Pick<Route, 'reads'>,
): Promise<string | undefined> {
  for (const part of reads) {
    const { name, owner, migrations } = isProjection(part) ? ofProjection(part) : ofWorker(part);
    const rows = await query<{ name: string }>`select name from flotilla_migrations where owner = ${owner}`;
    const done = new Set(rows.map((row) => row.name));
    if (done.size === 0 || migrations.some((migration) => !done.has(migration))) return name;
  }
  return undefined;
}

/** A migration of a projection is one of its generations, of which any will do. */
function ofProjection(part: Parameters<typeof projectionDefinitionOf>[0]) {
  const { name } = projectionDefinitionOf(part);
  return { name: `the projection ${name}`, owner: projectionMigrationOwner(name), migrations: [] };
}

function ofWorker(part: Parameters<typeof workerDefinitionOf>[0]) {
  const { name, migrations } = workerDefinitionOf(part);
  return {
    name: `the worker ${name}`,
    owner: workerMigrationOwner(name),
    migrations: migrations.map((each) => each.name),
  };
}
