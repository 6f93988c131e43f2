import { FlotillaError } from '../../../errors.js';
import { derivedId } from '../../../events/ids.js';
import { findSagas } from '../../../sagas/list.js';
import { sagaMigrations, type SagaRow } from '../../../sagas/table.js';
import type { SagaDefinition } from '../../../sagas/types.js';
import type { Store } from '../../../store/contract.js';
import type { Context } from '../../shared/context.js';
import { enabledWorkers } from '../../../runtime/enabled-workers.js';
import { withExistingStores, type ExistingStores } from '../../../runtime/existing-stores.js';
import { describeUnread } from '../../shared/unread-stores.js';

/** A saga of the fleet, with who runs it and where. */
export interface KnownSaga {
  saga: SagaDefinition;
  worker: string;
  service: string;
}

/** Those of the enabled workers, with the patience that the configuration gives them. */
export async function knownSagas(context: Context): Promise<KnownSaga[]> {
  const deriveId = context.fleetKeys?.deriveId ?? derivedId;
  return enabledWorkers(await context.fleet(), context.config).flatMap(({ name: worker, store: service, sagas }) =>
    sagas.map((saga) => ({ saga: { ...saga, deriveId }, worker, service })),
  );
}

/** Runs `work` with the stores of sagas, and closes them afterwards. Creates none. */
export async function withSagaStores<T>(context: Context, work: (stores: ExistingStores) => Promise<T>): Promise<T> {
  return withExistingStores(context, (store) => store.migrate('sagas', sagaMigrations), work);
}

/** One that was begun. */
export interface FoundSaga {
  saga: SagaDefinition;
  sagaId: string;
  store: Store;
  row: SagaRow;
}

/** Enough to see whether one is meant. */
const ENOUGH = 2;

/** Runs `work` with the one saga that is meant: by its id, by the beginning of it, or by what it is about (`order/<id>`) or
 *  its stream (`<saga>/<id>`). Throws `saga.not_found`, also where several are meant, and with the stores that could not be
 *  searched. */
export async function withSaga<T>(context: Context, text: string, work: (found: FoundSaga) => Promise<T>): Promise<T> {
  return withSagaStores(context, async (stores) => {
    const found: FoundSaga[] = [];
    for (const { saga, service } of await knownSagas(context)) {
      const store = await stores.find(service);
      if (store === undefined) continue;
      const rows = await findSagas(store.query, saga.name, beginningIn(text, saga), ENOUGH);
      found.push(...rows.map((row) => ({ saga, sagaId: row.sagaId, store, row })));
    }
    const { unread } = stores;
    return work(only(found, text, unread.length === 0 ? '' : `; not read: ${describeUnread(context, unread)}`));
  });
}

/** What the id begins with. */
function beginningIn(text: string, saga: SagaDefinition): string {
  const prefix = [saga.subject(''), `${saga.name}/`].find((before) => text.startsWith(before));
  return prefix === undefined ? text : text.slice(prefix.length);
}

function only(found: readonly FoundSaga[], text: string, unread: string): FoundSaga {
  const shown = JSON.stringify(text);
  const named = found.filter(({ saga }) => beginningIn(text, saga) !== '');
  if (named.length === 0) throw new FlotillaError('saga.not_found', `${shown}${unread}`);
  const exact = named.filter(({ saga, sagaId }) => beginningIn(text, saga) === sagaId);
  const [first, another] = exact.length > 0 ? exact : named;
  if (first !== undefined && another === undefined) return first;
  const which = named.map(({ saga, sagaId }) => `${saga.name}/${sagaId}`).join(', ');
  throw new FlotillaError('saga.not_found', `${shown} may be ${which}; give more of the id`);
}
