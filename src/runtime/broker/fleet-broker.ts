import type { Config } from '../../config/load-config.js';
import type { Broker } from '../../broker/broker.js';
import { isPermanentFailure, type ConnectFailure } from '../../broker/rabbitmq/connection/connect-failure.js';
import type { FleetKeys } from '../../broker/signing/fleet-keys.js';
import { registerKey, requireKey } from '../../broker/signing/key-registration.js';
import { namesFor, topologyOf, type ExchangeSpec, type Names, type Topology } from '../../broker/topology/topology.js';
import { FlotillaError } from '../../errors.js';
import { createClusterWatch } from '../../observability/broker/cluster-watch.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { queuesOfAll } from '../../worker/definition/queues.js';
import type { WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { managementAt, type BrokerAddress } from './broker-address.js';
import { brokerCheck } from './broker-check.js';
import { ensureTopology } from './ensure-topology.js';
import type { Lifetime } from '../lifetime.js';
import { openBroker } from './open-broker.js';

export interface FleetBrokerOptions {
  name: string;
  config: Config;
  address: BrokerAddress;
  keys: FleetKeys | undefined;
  workers: readonly WorkerDefinition[];
  logger: Logger;
  metrics: Metrics;
  lifetime: Lifetime;
}

/** The connection of a process to the broker of its fleet. */
export interface FleetBroker {
  readonly broker: Broker;
  readonly names: Names;
  /** Resolves when every claim that was given, by this call or an earlier one, is settled, and the broker has the topology of
   *  all enabled workers; waits for the broker. Rejects with `fleet.prefix_taken`. */
  readonly topology: (claim?: Promise<Topology>) => Promise<void>;
  /** Removes the claim of a service's store. */
  readonly removeClaim: (service: string) => Promise<void>;
}

/** Connects in the background, and reports on it in the checks `broker` and `cluster`. Ends the process where waiting for the
 *  broker cannot help. */
export function openFleetBroker(options: FleetBrokerOptions): FleetBroker {
  const { name, config, address, keys, workers, logger, metrics, lifetime } = options;
  const { signal } = lifetime;
  const names = namesFor(config.prefix);
  const held: ExchangeSpec[] = [];
  let reached = false;
  let failed: ConnectFailure | undefined;
  const broker = openBroker(address, {
    config,
    keys,
    connectionName: `${config.prefix}${name}`,
    logger,
    metrics,
    claims: () => held,
    // a process that starts waits for a broker, unless waiting cannot help; one that runs keeps trying in any case
    onUnreachable(failure) {
      failed = failure;
      if (!reached && isPermanentFailure(failure)) lifetime.fail(new FlotillaError(failure.code, failure.detail));
    },
  });
  broker.onState((state) => {
    if (state !== 'ready' && state !== 'blocked') return;
    reached = true;
    failed = undefined;
  });
  lifetime.atEnd(() => broker.close());

  const management = managementAt(address);
  const cluster = createClusterWatch(management, names.queue(''), logger);
  const watching = cluster.run(signal);
  lifetime.atEnd(() => watching);
  lifetime.checks.broker = () => brokerCheck(broker, failed);
  lifetime.checks.cluster = () => cluster.check();

  const { prefix, log, unroutedMax } = config;
  const wanted = topologyOf(queuesOfAll(workers), { prefix, log, unroutedMax });
  const agreeOnKey = () =>
    keys === undefined
      ? broker.ready(signal).then(() => requireKey(broker, names, keys))
      : registerKey(
          (claim) => ensureTopology(broker, claim, { logger, signal }),
          names,
          keys,
          () => management.deleteExchange(names.fleetKey),
        );
  const claims: Promise<void>[] = [];
  let agreed: Promise<void> | undefined;
  let applying: Promise<void> | undefined;
  return {
    broker,
    names,
    /** Nothing is declared, consumed or published before every store that this process has opened is claimed. */
    async topology(claim) {
      if (claim !== undefined) claims.push(claim.then(({ exchanges }) => void held.push(...exchanges)));
      agreed ??= agreeOnKey();
      await Promise.all([agreed, ...claims]);
      applying ??= ensureTopology(broker, wanted, { logger, signal });
      await applying;
    },
    removeClaim: (service) => management.deleteExchange(names.store(service)),
  };
}
