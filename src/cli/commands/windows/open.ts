import { kafkaWindows } from '../../../fleet/kafka.js';
import { KAFKA_STORE } from '../../../fleet/reserved-names.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import { withExistingStores, type ExistingStores } from '../../../runtime/stores/existing-stores.js';
import type { Sql } from '../../../store/store.js';
import { unknownName } from '../../../text/known-names.js';
import type { WindowsDefinition } from '../../../windows/definition.js';
import { migrateWindows } from '../../../windows/state/migrations.js';
import { listWindows, type WindowsRow } from '../../../windows/state/windows-table.js';
import type { Context } from '../../shared/context.js';

/** A window definition of the fleet, with its store and the worker that computes it, or the process `kafka` for one over
 *  topics. */
export interface KnownWindows {
  definition: WindowsDefinition;
  worker: string;
  service: string;
}

/** Returns the window definitions of the enabled workers and those over topics of Kafka, by name and version. */
export async function knownWindows(context: Context): Promise<KnownWindows[]> {
  const fleet = await context.fleet();
  return [
    ...enabledWorkers(fleet, context.config),
    { name: KAFKA_STORE, store: KAFKA_STORE, windows: kafkaWindows(fleet) },
  ]
    .flatMap(({ name: worker, store: service, windows }) =>
      windows.map((definition) => ({ definition, worker, service })),
    )
    .sort((a, b) => (a.definition.name < b.definition.name ? -1 : 1) || a.definition.version - b.definition.version);
}

/** Returns the newest version with this name. Throws `name.unknown`. */
export function chosen(known: readonly KnownWindows[], name: string): KnownWindows {
  const found = known.filter(({ definition }) => definition.name === name).at(-1);
  if (found !== undefined) return found;
  const names = known.map(({ definition }) => definition.name);
  throw unknownName('window definition', name, [...new Set(names)]);
}

/** Runs `work` with the stores of windows, and closes them afterwards. Creates no store. */
export function withStores<T>(context: Context, work: (stores: ExistingStores) => Promise<T>): Promise<T> {
  return withExistingStores(context, migrateWindows, work);
}

/** Returns the stored state of every version of the names; also of versions that the fleet no longer has. */
export async function versionsOf(sql: Sql, names: ReadonlySet<string>): Promise<WindowsRow[]> {
  return (await listWindows(sql)).filter(({ name }) => names.has(name));
}

export function timeOf(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '-' : new Date(milliseconds).toISOString();
}
