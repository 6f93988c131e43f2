import type { Store } from './store.js';

/** The stores of the fleet's services, which keep the events that the log has trimmed. */
export interface ServiceStores {
  /** Every service of the fleet. */
  readonly services: readonly string[];
  /** Opens the store of a service; undefined if it is not reachable from this process. Rejects if it exists and
   *  cannot be opened. The owner of the stores closes them. */
  open(service: string): Promise<Pick<Store, 'readAll' | 'head' | 'event'> | undefined>;
}
