import type { Store } from './store.js';

/** The stores of the fleet's services, which keep the events that the log has trimmed. */
export interface ServiceStores {
  /** Every service of the fleet. */
  readonly services: readonly string[];
  /** The store of a service; undefined where it is not reachable from this process. Rejects where it exists and cannot be
   *  opened. The owner of the stores closes them. */
  open(service: string): Promise<Pick<Store, 'readAll' | 'head' | 'event'> | undefined>;
}
