import { countOpenSagas, type RowStatus, type SagaCount } from '../../../sagas/list.js';
import type { Context } from '../../shared/context.js';
import { knownSagas, withSagaStores } from './open.js';

/** How many of a saga have not ended. */
export interface OpenSagas {
  saga: string;
  worker: string;
  started: number;
  compensating: number;
  failed: number;
}

/** How many sagas have not ended, and the services whose stores are not on this machine. */
export async function openSagas(context: Context): Promise<{ sagas: OpenSagas[]; unread: readonly string[] }> {
  const known = await knownSagas(context);
  return withSagaStores(context, async (stores) => {
    const counted: OpenSagas[] = [];
    for (const { saga, worker, service } of known) {
      const store = await stores.find(service);
      if (store === undefined) continue;
      const counts = (await countOpenSagas(store.query)).filter((each) => each.saga === saga.name);
      const of = (status: RowStatus) => countOf(counts, status);
      counted.push({
        saga: saga.name,
        worker,
        started: of('started'),
        compensating: of('compensating'),
        failed: of('failed'),
      });
    }
    return { sagas: counted, unread: stores.unread };
  });
}

function countOf(counts: readonly SagaCount[], status: RowStatus): number {
  return counts.find((each) => each.status === status)?.count ?? 0;
}
