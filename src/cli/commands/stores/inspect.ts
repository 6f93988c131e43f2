import { existsSync } from 'node:fs';
import { hasCode } from '../../../errors.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { readStoreId } from '../../../store/sqlite/read/read-store-id.js';
import type { Context } from '../../shared/context.js';
import { storeRegistry } from '../../../runtime/stores/existing-stores.js';
import { OPS_STORE } from '../../../fleet/reserved-names.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';
import { storePathOf } from '../../../runtime/place.js';

/** The store of a service, compared with the recorded store. */
export interface StoreReport {
  service: string;
  /** `ok`: the recorded one. `new`: neither a file nor a record. `unrecorded`: a file, which the next process records. */
  state: 'ok' | 'new' | 'unrecorded' | 'missing' | 'replaced' | 'damaged';
  /** Of the file; null without a file or an id. */
  id: string | null;
  /** Of the recorded store. */
  recorded: string | null;
  path: string;
}

/** Returns the services of a fleet that have a store. */
export function storeNames({ workers, api }: Fleet): string[] {
  const names = [
    ...(api === undefined ? [] : [api.store]),
    ...workers.map((worker) => workerDefinitionOf(worker).store),
    OPS_STORE,
  ];
  return [...new Set(names)].sort();
}

/** Inspects the file of a service without changing it. */
export function inspectStore(context: Context, service: string): StoreReport {
  const path = storePathOf(context, service);
  const recorded = storeRegistry(context).find(service)?.id ?? null;
  const report = { service, recorded, path };
  if (!existsSync(path)) return { ...report, id: null, state: recorded === null ? 'new' : 'missing' };
  try {
    const id = readStoreId(path) ?? null;
    if (recorded === null) return { ...report, id, state: 'unrecorded' };
    return { ...report, id, state: id === recorded ? 'ok' : 'replaced' };
  } catch (error) {
    if (!hasCode(error, 'store.damaged')) throw error;
    return { ...report, id: null, state: 'damaged' };
  }
}
