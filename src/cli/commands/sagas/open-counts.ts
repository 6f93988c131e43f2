import { countOpenSagas, type RowStatus, type SagaCount } from '../../../sagas/queries.js';
import type { Context } from '../../shared/context.js';
import { knownSagas, withSagaStores } from './find-saga.js';

/** The open instances of a saga, by status. */
export interface OpenSagas {
  saga: string;
  worker: string;
  started: number;
  compensating: number;
  failed: number;
}

/** The open sagas of the fleet, and the services whose stores could not be read. */
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
