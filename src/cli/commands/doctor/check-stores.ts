import type { Context } from '../../shared/context.js';
import { inspectStore, storeNames } from '../stores/inspect.js';
import type { Finding } from './finding.js';

/** The stores of the services on this machine: a process of a service does not start while its recorded store is
 *  missing, and `up` ends with it. */
export async function checkStores(context: Context): Promise<Finding[]> {
  const reports = storeNames(await context.fleet()).map((service) => inspectStore(context, service));
  const unusable = reports.filter(({ state }) => state === 'missing' || state === 'replaced' || state === 'damaged');
  if (unusable.length > 0) {
    return unusable.map(({ service, state, path }) => ({
      ok: false,
      detail: `store.${state}: ${path} of ${service}. Mount its disk, or restore the file or a backup of it`,
    }));
  }
  const here = reports.filter(({ state }) => state !== 'new').length;
  return [{ ok: true, detail: here === 0 ? 'none yet' : `${here} on this machine, none missing or replaced` }];
}
