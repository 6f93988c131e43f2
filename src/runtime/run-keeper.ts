import { requireTokens } from '../config/load-config.js';
import { createKeeper } from '../dead-letters/keeper/keeper.js';
import type { Fleet } from '../fleet/define-fleet.js';
import { OPS_STORE } from '../fleet/reserved-names.js';
import { queuesOfAll } from '../worker/definition/queues.js';
import { serveHealth } from './serve-health.js';
import { runProcess, type FleetProcess } from './fleet-process.js';
import { completeConfig, type Running, type RunOptions } from './running.js';

/** Runs the keeper of a fleet in this program: it moves the dead letters of all workers from the broker into its store.
 *
 *  `ready` resolves with the address of /livez, /readyz and /metrics when it collects; it waits for the broker. When `signal`
 *  aborts, the dead letters in progress are stored, then everything is closed.
 *
 *  Throws and rejects with `config.invalid`; rejects as `openStore`. */
export function runKeeper(fleet: Fleet, options: RunOptions): Running<{ url: string }> {
  const config = completeConfig(options.config);
  requireTokens(config, ['health']);
  return runProcess('keeper', { ...options, fleet, config }, startKeeper);
}

async function startKeeper(process: FleetProcess): Promise<{ url: string }> {
  const { fleet, workers, broker, names, logger, checks, signal } = process;
  const { url } = await serveHealth(process);
  const { store, check, checkRelay } = await process.openService(OPS_STORE);
  checks.store = check;
  checks.relay = checkRelay;
  await process.topology();
  const keeper = createKeeper({
    store,
    broker,
    names,
    workers: queuesOfAll(workers).map(({ name }) => name),
    definitions: fleet.catalogue.definitions,
    logger,
  });
  const running = keeper.run(signal);
  process.atEnd(() => running);
  await process.register({ role: 'keeper', workers: [], url });
  return { url };
}
