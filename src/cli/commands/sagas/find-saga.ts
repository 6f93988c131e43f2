import { FlotillaError } from '../../../errors.js';
import { derivedId, type DeriveId } from '../../../events/ids.js';
import { findSagas } from '../../../sagas/queries.js';
import { sagaMigrations, type SagaRow } from '../../../sagas/saga-table.js';
import type { SagaDefinition } from '../../../sagas/definition/types.js';
import type { Store } from '../../../store/store.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import type { Context } from '../../shared/context.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import { withExistingStores, type ExistingStores } from '../../../runtime/stores/existing-stores.js';
import { describeUnread } from '../../../runtime/stores/existing-stores.js';

/** A saga of the fleet, the worker that runs it, and the service in whose store. */
export interface KnownSaga {
  saga: SagaDefinition;
  worker: string;
  service: string;
}

/** The sagas of the enabled workers, with the configured retry policy. */
export async function knownSagas(context: Context): Promise<KnownSaga[]> {
  return sagasOf({ fleet: await context.fleet(), config: context.config });
}

/** Like `knownSagas`. */
export function sagasOf({ fleet, config }: Pick<FleetSession, 'fleet' | 'config'>): KnownSaga[] {
  return enabledWorkers(fleet, config).flatMap(({ name: worker, store: service, sagas }) =>
    sagas.map((saga) => ({ saga, worker, service })),
  );
}

/** Runs `work` with the stores of sagas, and closes them afterwards. Creates no store. */
export async function withSagaStores<T>(context: Context, work: (stores: ExistingStores) => Promise<T>): Promise<T> {
  return withExistingStores(context, (store) => store.migrate('sagas', sagaMigrations), work);
}

export interface FoundSaga {
  saga: SagaDefinition;
  sagaId: string;
  store: Store;
  row: SagaRow;
  /** Derives the ids of commands, as the workers of this fleet do. */
  deriveId: DeriveId;
}

/** Enough to detect an ambiguous prefix. */
const MAX_MATCHES = 2;

/** Runs `work` with the saga that has this id, this unique prefix of an id, this subject (`order/<id>`) or this stream
 *  (`<saga>/<id>`). Throws `saga.not_found` where none or several match, naming the stores that could not be read. */
export async function withSaga<T>(context: Context, text: string, work: (found: FoundSaga) => Promise<T>): Promise<T> {
  const deriveId = context.fleetKeys?.deriveId ?? derivedId;
  return withSagaStores(context, async (stores) => {
    const found: FoundSaga[] = [];
    for (const { saga, service } of await knownSagas(context)) {
      const store = await stores.find(service);
      if (store === undefined) continue;
      const rows = await findSagas(store.query, saga.name, prefixIn(text, saga), MAX_MATCHES);
      found.push(...rows.map((row) => ({ saga, sagaId: row.sagaId, store, row, deriveId })));
    }
    const { unread } = stores;
    return work(only(found, text, unread.length === 0 ? '' : `; not read: ${describeUnread(context, unread)}`));
  });
}

/** The prefix of the id in an argument. */
function prefixIn(text: string, saga: SagaDefinition): string {
  const prefix = [saga.subject(''), `${saga.name}/`].find((before) => text.startsWith(before));
  return prefix === undefined ? text : text.slice(prefix.length);
}

function only(found: readonly FoundSaga[], text: string, unread: string): FoundSaga {
  const shown = JSON.stringify(text);
  const named = found.filter(({ saga }) => prefixIn(text, saga) !== '');
  if (named.length === 0) throw new FlotillaError('saga.not_found', `${shown}${unread}`);
  const exact = named.filter(({ saga, sagaId }) => prefixIn(text, saga) === sagaId);
  const [first, another] = exact.length > 0 ? exact : named;
  if (first !== undefined && another === undefined) return first;
  const which = named.map(({ saga, sagaId }) => `${saga.name}/${sagaId}`).join(', ');
  throw new FlotillaError('saga.not_found', `${shown} is ambiguous: ${which}; use a longer prefix`);
}
