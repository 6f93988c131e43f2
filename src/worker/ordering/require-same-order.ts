import { FlotillaError } from '../../errors.js';
import type { Store } from '../../store/store.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import { TOTAL_KEY } from './ordering.js';
import { subjectOf } from './sequence.js';

type By = NonNullable<WorkerDefinition['ordering']>['by'];

/** Throws `worker.order_changed` if messages of the worker are parked, or subjects held, in another order than that of its
 *  definition: they would be handled in none. The tables of an ordered worker must exist. */
export async function requireSameOrder(
  { name, ordering }: Pick<WorkerDefinition, 'name' | 'ordering'>,
  { query }: Pick<Store, 'query'>,
): Promise<void> {
  const keys = await query<{ key: string }>`
    SELECT key FROM flotilla_parked WHERE worker = ${name} UNION SELECT key FROM flotilla_held WHERE worker = ${name}`;
  const other = keys.map(({ key }) => orderOf(key)).find((by) => by !== ordering?.by);
  if (other === undefined) return;
  const wanted = ordering === undefined ? 'no order' : `'${ordering.by}'`;
  throw new FlotillaError(
    'worker.order_changed',
    `${name} has messages parked by '${other}', and its definition has ${wanted}`,
  );
}

function orderOf(key: string): By {
  if (key === TOTAL_KEY) return 'total';
  return subjectOf(key).source === undefined ? 'subject' : 'sequence';
}
