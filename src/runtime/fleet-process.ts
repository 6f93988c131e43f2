import type { Config } from '../config/load-config.js';
import type { VerifyPublisher } from '../broker/users/verify-publisher.js';
import type { DeriveId } from '../events/ids.js';
import { derivedId } from '../events/ids.js';
import { processContractsOf } from '../fleet/process-contracts.js';
import { emittedBy, type Fleet } from '../fleet/define-fleet.js';
import { registerProcess, type ProcessRecord } from '../observability/processes/process-registry.js';
import type { Logger } from '../telemetry/logger.js';
import { createLogger } from '../telemetry/logger.js';
import { createMetrics, type Metrics } from '../telemetry/metrics.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import { configuredBroker } from './broker/broker-address.js';
import { topologySettings } from './fleet/topology-settings.js';
import { enabledWorkers } from './fleet/enabled-workers.js';
import { storeRegistry } from './stores/existing-stores.js';
import { openFleetBroker, type FleetBroker } from './broker/fleet-broker.js';
import { instanceOf } from './instance.js';
import { Lifetime } from './lifetime.js';
import { lockDataDir } from './lock-data-dir.js';
import { runDirOf, storeUrlOf, type Place } from './place.js';
import type { Running, RunOptions } from './running.js';
import { openService, type Service } from './stores/store-with-relay.js';
import { loadFleetKeys } from './broker/open-broker.js';
import { claimStore } from './stores/store-claims.js';
import { verifyPublisher } from './broker/verify-publisher.js';
import { libraryVersion } from './version.js';

/** What every process of a fleet has. */
export interface FleetProcess extends FleetBroker, Place, Pick<Lifetime, 'signal' | 'fail' | 'checks'> {
  readonly fleet: Fleet;
  /** All that are enabled, not only those of this process. */
  readonly workers: readonly WorkerDefinition[];
  /** Makes the ids of what follows from events, keyed where the fleet has a key. */
  readonly deriveId: DeriveId;
  /** Verifies who has published a message, where the configuration says so. */
  readonly verify: VerifyPublisher | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** This process among all others of the fleet. */
  readonly instance: string;
  readonly atEnd: Lifetime['atEnd'];
  /** Opens a store and relays from it. */
  readonly openService: (name: string) => Promise<Service>;
  /** Lets `flotilla status` find this process. */
  readonly register: (process: Pick<ProcessRecord, 'role' | 'workers' | 'url'>) => Promise<void>;
}

interface ProcessOptions extends Omit<RunOptions, 'config'> {
  fleet: Fleet;
  /** Complete. */
  config: Config;
  /** @default all that are enabled; where they cannot be determined, `ready` rejects */
  workers?: readonly WorkerDefinition[];
}

/** Runs a part of a fleet: `start` builds it and resolves when it is ready; when it is to end, the steps that `start` has
 *  added with `atEnd` are done in reverse. */
export function runProcess<Ready>(
  name: string,
  options: ProcessOptions,
  start: (process: FleetProcess) => Promise<Ready>,
): Running<Ready> {
  const { signal, config, logger: own } = options;
  const logger = own ?? createLogger({ level: config.logLevel, format: config.logFormat, fields: { process: name } });
  const lifetime = new Lifetime(signal);
  const assembled = assemble(name, options, logger, lifetime);
  const ready = assembled.then(start);
  const ended = lifetime.run(assembled, ready, { limit: config.drainTimeout, logger });
  return Object.assign(ended, { ready, state: () => lifetime.state() });
}

async function assemble(
  name: string,
  { fleet, config, workers = enabledWorkers(fleet, config), cwd = process.cwd() }: ProcessOptions,
  logger: Logger,
  lifetime: Lifetime,
): Promise<FleetProcess> {
  const place: Place = { config, cwd };
  const { signal, checks, fail } = lifetime;
  const address = await configuredBroker(place);
  const lock = lockDataDir(place);
  lifetime.atEnd(async () => lock.release());
  const instance = instanceOf(name);
  const build = { service: name, version: libraryVersion(), commit: config.commit };
  const metrics = createMetrics({ process: true, build });
  const keys = loadFleetKeys(place);
  const broker = openFleetBroker({ name, config, address, keys, workers, logger, metrics, lifetime });
  return {
    ...broker,
    ...place,
    signal,
    checks,
    fail,
    fleet,
    workers,
    deriveId: keys?.deriveId ?? derivedId,
    verify: verifyPublisher(config, address.amqpUrl),
    metrics,
    logger,
    instance,
    atEnd: (step) => lifetime.atEnd(step),
    async openService(service) {
      const registry = storeRegistry(place);
      const replace = { abandoned: registry.abandoned(service), remove: () => broker.removeClaim(service) };
      const opened = await openService({
        name: service,
        databaseUrl: storeUrlOf(place, service),
        registry,
        broker: broker.broker,
        names: broker.names,
        instance,
        relay: config.relay,
        declared: emittedBy(fleet, service),
        metrics,
        logger,
        topology: (store) =>
          broker.topology(claimStore(broker.broker, broker.names, store, { logger, signal, replace })),
      });
      opened.running.catch(fail);
      lifetime.atEnd((left) => opened.stop(left()));
      return opened;
    },
    async register(record) {
      const startedAt = new Date().toISOString();
      const own = workers.filter(({ name: worker }) => record.workers.includes(worker));
      const program = { library: libraryVersion(), ...(config.commit !== undefined && { commit: config.commit }) };
      const contracts = processContractsOf(fleet, own, program);
      lifetime.atEnd(
        await registerProcess({
          dir: runDirOf(place),
          ...record,
          pid: process.pid,
          startedAt,
          contracts,
          settings: topologySettings(config),
        }),
      );
      logger.info('Ready', { url: record.url });
    },
  };
}
