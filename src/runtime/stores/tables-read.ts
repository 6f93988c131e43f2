import type { Route } from '../../api/route.js';
import { FlotillaError } from '../../errors.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { isProjection, type Projection, type ProjectionDefinition } from '../../projections/definition.js';
import { prepareProjections } from '../../projections/tables/prepare.js';
import type { Store } from '../../store/store.js';
import { workerDefinitionOf, type Worker, type WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { migrateWorker } from '../../worker/prepare.js';

/** The owners of tables in one store. */
interface TableOwners {
  readonly workers: readonly WorkerDefinition[];
  readonly projections: readonly ProjectionDefinition[];
}

/** Creates the tables that do not exist yet, so that they can be read before their workers have started. */
export async function prepareTables(store: Store, { workers, projections }: TableOwners): Promise<void> {
  for (const worker of workers) await migrateWorker(worker, store);
  await prepareProjections(store, projections);
}

/** The owners of the tables that routes of the API read. Throws `fleet.invalid` where the API's store never has these
 *  tables. */
export function tablesRead(fleet: Fleet, routes: readonly Route[]): TableOwners {
  const workers = new Set<WorkerDefinition>();
  const projections = new Set<ProjectionDefinition>();
  for (const { method, path, reads } of routes) {
    for (const part of reads) {
      const reading = `${method.toUpperCase()} ${path} reads the`;
      if (isProjection(part)) projections.add(findProjection(fleet, part, reading));
      else workers.add(findWorker(fleet, part, reading));
    }
  }
  return { workers: [...workers], projections: [...projections] };
}

function findProjection(fleet: Fleet, { name }: Projection, reading: string): ProjectionDefinition {
  const store = fleet.api?.store;
  for (const worker of fleet.workers.map(workerDefinitionOf)) {
    const projection = worker.projections.find((candidate) => candidate.name === name);
    if (projection === undefined) continue;
    if (worker.store !== store) throw elsewhere(`${reading} projection ${name}`, worker.store, store);
    return projection;
  }
  throw new FlotillaError(
    'fleet.invalid',
    `${reading} projection ${name}, which no worker updates; add it to the \`projections\` of a worker with the store ${store}`,
  );
}

function findWorker(fleet: Fleet, { name }: Worker, reading: string): WorkerDefinition {
  const worker = fleet.workers.map(workerDefinitionOf).find((candidate) => candidate.name === name);
  if (worker === undefined)
    throw new FlotillaError('fleet.invalid', `${reading} worker ${name}, which the fleet does not have`);
  if (worker.store !== fleet.api?.store) throw elsewhere(`${reading} worker ${name}`, worker.store, fleet.api?.store);
  if (worker.migrations.length > 0) return worker;
  throw new FlotillaError(
    'fleet.invalid',
    `${reading} worker ${name}, which has no tables of its own (\`migrations\`); name its projections`,
  );
}

function elsewhere(reading: string, store: string, own: string | undefined): FlotillaError {
  const detail = `${reading}, whose tables are in the store ${store}; the API reads only its own store, ${own}`;
  return new FlotillaError('fleet.invalid', `${detail}: read a projection or worker of ${own} that keeps a copy`);
}
