import type { Fleet } from '../fleet/define-fleet.js';
import type { Store } from '../store/store.js';
import { runProcess } from './fleet-process.js';
import { completeConfig, type Running, type RunOptions } from './running.js';
import { prepareTables } from './stores/tables-read.js';

/** Opens the store of a service in this program, and publishes from it what is appended, in order and confirmed. Several
 *  programs may have the store of one service open; one of them publishes.
 *
 *  `ready` resolves with the store when it is open; appending does not wait for the broker. When `signal` aborts, what is
 *  stored is published within `config.drainTimeout` milliseconds, then the store is closed.
 *
 *  Rejects with `config.invalid`, `broker.not_configured`, `store.missing`, `store.replaced`, `store.damaged` or
 *  `fleet.prefix_taken`. */
export function openStore(fleet: Fleet, service: string, options: RunOptions): Running<{ store: Store }> {
  const config = completeConfig(options.config);
  return runProcess(service, { ...options, fleet, config }, async (process) => {
    const opened = await process.openService(service);
    process.checks.store = opened.check;
    process.checks.relay = opened.checkRelay;
    const workers = process.workers.filter(({ store }) => store === service);
    await prepareTables(opened.store, { workers, projections: workers.flatMap(({ projections }) => projections) });
    return { store: opened.store };
  });
}
