import type { Command } from 'commander';
import { hasCode } from '../../../errors.js';
import { skipsOf } from '../../../projections/tables/skips.js';
import type { Stop } from '../../../projections/tables/state.js';
import { stateOfProjection, type ProjectionState } from '../../../projections/status.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { printList } from '../../shared/output/print-list.js';
import { knownProjections, withStores, type KnownProjection } from './open.js';

export interface Listed {
  name: string;
  worker: string;
  store: string;
  /** `absent`: its worker has not run yet; `unread`: its store is not on this machine. */
  status: ProjectionState['status'] | 'absent' | 'unread';
  /** Null if unknown. */
  position: number | null;
  behind: number | null;
  /** Of the definition, and of the stored model. */
  version: number;
  modelVersion: number | null;
  /** The number of events that an operator has skipped. */
  skipped: number;
  stop: Stop | null;
}

export function registerList(projections: Command, context: Context): void {
  projections
    .command('list')
    .description('list read models: status, position and lag')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla projections list', 'list read models with their lag']))
    .action((flags: { json?: boolean }) => runList(flags, context));
}

async function runList({ json = false }: { json?: boolean }, context: Context): Promise<void> {
  const known = await knownProjections(context);
  const { items, unread } = await withStores(context, async (stores) => {
    const listed: Listed[] = [];
    for (const each of known) listed.push(await listedOf(each, await stores.find(each.service)));
    return { items: listed, unread: stores.unread };
  });
  printList(context, items, {
    json,
    extra: { unread },
    empty: 'No worker of this fleet keeps projections.',
    columns: {
      name: ({ name }) => name,
      worker: ({ worker }) => worker,
      store: ({ store }) => store,
      status: ({ status }) => status,
      position: ({ position }) => String(position ?? '?'),
      behind: ({ behind }) => String(behind ?? '?'),
      version: ({ version, modelVersion }) =>
        modelVersion === null || modelVersion === version ? String(version) : `${modelVersion}, to be ${version}`,
      skipped: ({ skipped }) => String(skipped),
    },
  });
  for (const { name, status, stop } of json ? [] : items) {
    if (stop !== null) context.say(`${name} ${stoppedAt(stop)}`);
    if (status === 'outdated') context.say(`${name} was made by another version: flotilla projections rebuild ${name}`);
  }
  requireAllRead(context, unread);
}

export async function listedOf({ projection, worker, service }: KnownProjection, store: Store | undefined) {
  const { name, version } = projection;
  const absent: Listed = {
    name,
    worker,
    store: service,
    status: 'absent',
    position: 0,
    behind: (await store?.head()) ?? 0,
    version,
    modelVersion: null,
    skipped: 0,
    stop: null,
  };
  if (store === undefined) return { ...absent, status: 'unread', position: null, behind: null } satisfies Listed;
  try {
    const state = await stateOfProjection(store, projection);
    const { status, position, behind, version: modelVersion, stop = null } = state;
    const skipped = (await skipsOf(store.query, name)).length;
    return { ...absent, status, position, behind, modelVersion, skipped, stop };
  } catch (error) {
    if (hasCode(error, 'projection.not_found')) return absent;
    throw error;
  }
}

export function stoppedAt({ position, type, eventId, code, message, at }: Stop): string {
  return `stopped at ${position}, ${type} ${eventId}, ${at}: ${code}: ${message}`;
}
