import { countOpenSagas, type RowStatus, type SagaCount } from '../../../sagas/queries.js';
import { sagaMigrations } from '../../../sagas/saga-table.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { sagasOf } from './find-saga.js';

/** The open instances of a saga, by status. */
export interface OpenSagas {
  saga: string;
  worker: string;
  started: number;
  compensating: number;
  failed: number;
}

/** The open sagas of the fleet, and the services whose stores could not be read. */
export async function openSagas(
  session: Pick<FleetSession, 'fleet' | 'config' | 'stores'>,
): Promise<{ sagas: OpenSagas[]; unread: readonly string[] }> {
  const sagas: OpenSagas[] = [];
  const unread = new Set<string>();
  for (const { saga, worker, service } of sagasOf(session)) {
    const found = await session.stores.query(service, { sagas: sagaMigrations }, countOpenSagas);
    if (found === undefined) {
      unread.add(service);
      continue;
    }
    const counts = found.filter((each) => each.saga === saga.name);
    const of = (status: RowStatus) => countOf(counts, status);
    sagas.push({
      saga: saga.name,
      worker,
      started: of('started'),
      compensating: of('compensating'),
      failed: of('failed'),
    });
  }
  return { sagas, unread: [...unread] };
}

function countOf(counts: readonly SagaCount[], status: RowStatus): number {
  return counts.find((each) => each.status === status)?.count ?? 0;
}
