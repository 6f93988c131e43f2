import { sleep } from '../concurrency/sleep.js';
import { requireTokens } from '../config/load-config.js';
import { emittersOf, type Fleet } from '../fleet/define-fleet.js';
import { SagaMetrics } from '../sagas/saga-metrics.js';
import { HandledCounter } from '../traffic/handled-counter.js';
import { startWorker, type RunningWorker } from '../worker/start.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import { enabledWorkers, findWorker } from './fleet/enabled-workers.js';
import { startHousekeeping } from './stores/housekeeping.js';
import { inboxAge } from './stores/log-age.js';
import { runProcess, type FleetProcess } from './fleet-process.js';
import { completeConfig, type Running, type RunOptions } from './running.js';
import { serveHealth } from './serve-health.js';
import type { Service } from './stores/store-with-relay.js';
import { openServices } from './stores/services.js';
import { workerCheck } from './worker-check.js';

export interface RunWorkersOptions extends RunOptions {
  /** The settings of each worker by its name, as its schema declares them. */
  settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Runs workers of a fleet in this program. Any number of programs may run the same worker; they share its messages.
 *
 *  `ready` resolves with the address of /livez, /readyz and /metrics when every worker consumes; it waits for the broker. When
 *  `signal` aborts, handlers in progress finish within `config.drainTimeout` milliseconds, the rest returns to the queues,
 *  and what is stored is published.
 *
 *  Throws `name.unknown` for a worker that the fleet does not have or that `config.workers` leaves out, and `config.invalid`
 *  where the health port would be reachable from other machines without a token. Rejects with `config.invalid` for settings
 *  that do not fit, with what a worker's `setup` throws, and as `openStore`. */
export function runWorkers(
  fleet: Fleet,
  names: readonly string[],
  options: RunWorkersOptions,
): Running<{ url: string }> {
  const config = completeConfig(options.config);
  const workers = enabledWorkers(fleet, config);
  const wanted = [...new Set(names)].map((name) => findWorker(workers, name));
  requireTokens(config, ['health']);
  return runProcess(names.join('+'), { ...options, fleet, config, workers }, (process) =>
    startWorkers(process, wanted, options.settings),
  );
}

const POLL_INTERVAL_MS = 20;

async function startWorkers(
  process: FleetProcess,
  wanted: readonly WorkerDefinition[],
  settings: RunWorkersOptions['settings'] = {},
): Promise<{ url: string }> {
  const { config, logger, checks, signal } = process;
  for (const { name } of wanted) checks[name] = () => ({ ok: false, detail: 'starting' });
  const running: RunningWorker[] = [];
  const ordered = () => running.map((worker) => worker.state()).filter(({ partitions }) => partitions.length > 0);
  const { url } = await serveHealth(process, {
    ordering: () => ({ workers: ordered().map(({ name: worker, partitions }) => ({ worker, partitions })) }),
  });
  const services = await openServicesOf(wanted, process);
  await process.topology();
  const counters = await countersOf(services, process);

  const others = openServices(process, process.fleet);
  process.atEnd(() => others.close());
  const emitters = emittersOf(process.fleet);
  process.atEnd(async (left) => void (await Promise.all(running.map((worker) => worker.stop(left())))));
  for (const definition of wanted) {
    const { name } = definition;
    const service = services.get(definition.store);
    if (service === undefined) continue;
    const worker = await startWorker(definition, {
      store: service.store,
      broker: process.broker,
      prefix: config.prefix,
      settings: settings[name] ?? {},
      emitters,
      definitions: process.fleet.catalogue.definitions,
      deriveId: process.deriveId,
      instance: process.instance,
      logger,
      metrics: process.metrics,
      handledCounter: counters.get(definition.store),
      relay: service.gauge,
      serviceStores: others.history,
      verify: process.verify,
      onFatal: process.fail,
    });
    running.push(worker);
    const sagas = new SagaMetrics(service.store, definition.sagas, process.metrics);
    if (definition.sagas.length > 0) {
      const counting = sagas.run(logger, signal);
      process.atEnd(() => counting);
    }
    checks[name] = () => workerCheck(worker, definition, sagas.counts);
  }
  const stores = [...services.values()].map(({ store }) => store);
  const housekeeping = startHousekeeping(stores, inboxAge(config.log.maxAge), logger, signal);
  process.atEnd(() => housekeeping);

  while (!running.every(isAtWork)) {
    signal.throwIfAborted();
    await sleep(POLL_INTERVAL_MS, signal);
  }
  await process.register({ role: 'worker', workers: running.map(({ name }) => name), url });
  return { url };
}

/** Opens each store that these workers have, once. */
async function openServicesOf(
  workers: readonly WorkerDefinition[],
  process: FleetProcess,
): Promise<Map<string, Service>> {
  const services = new Map<string, Service>();
  for (const { store } of workers) {
    if (services.has(store)) continue;
    const service = await process.openService(store);
    services.set(store, service);
    process.checks[`store:${store}`] = service.check;
    process.checks[`relay:${store}`] = service.checkRelay;
  }
  return services;
}

/** Counts what the workers of each store handle, until they have stopped. */
async function countersOf(
  services: ReadonlyMap<string, Service>,
  { logger, atEnd }: FleetProcess,
): Promise<Map<string, HandledCounter>> {
  const counters = new Map<string, HandledCounter>();
  for (const [name, { store }] of services) {
    const counter = await HandledCounter.open(store, { logger });
    atEnd(() => counter.stop());
    counters.set(name, counter);
  }
  return counters;
}

/** A worker that pauses has begun, too. */
function isAtWork(worker: RunningWorker): boolean {
  const { consuming, pauses, log } = worker.state();
  return (consuming || pauses.length > 0) && log?.status !== 'starting';
}
