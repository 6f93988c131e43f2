import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '../../config/load.js';
import type { Broker } from '../../broker/contract.js';
import type { VerifyPublisher } from '../../broker/publishers.js';
import { isPermanentFailure } from '../../broker/rabbitmq/connect-failure.js';
import type { DeriveId } from '../../broker/signing/fleet-keys.js';
import { claimKey, requireKey } from '../../broker/signing/key-claim.js';
import { derivedId } from '../../events/ids.js';
import { createRabbitBroker } from '../../broker/rabbitmq/index.js';
import { namesFor, topologyOf, type Names } from '../../broker/topology.js';
import { FlotillaError, messageOf } from '../../errors.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { createClusterWatch } from '../../observability/cluster-watch.js';
import { registerProcess, type ProcessRecord } from '../../observability/process-registry.js';
import { announceReady } from '../../supervisor/child-process.js';
import { lockData } from '../../supervisor/data-lock.js';
import type { CheckResult } from '../../telemetry/health-server.js';
import type { Logger } from '../../telemetry/logger.js';
import { createMetrics, type Metrics } from '../../telemetry/metrics.js';
import { queuesOfAll } from '../../worker/definition/queues.js';
import type { WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { brokerFor } from './broker-address.js';
import type { Context } from './context.js';
import { enabledWorkers } from '../../runtime/enabled-workers.js';
import { storeRegistry } from './existing-stores.js';
import { ensureTopology } from '../../runtime/ensure-topology.js';
import { withSigning } from '../../runtime/signing.js';
import { claimStore } from './store-claims.js';
import { openManagement } from './resources.js';
import { openService, type Service } from '../../runtime/service.js';
import { verifyPublisher } from '../../runtime/verify-publisher.js';

/** What the processes of a fleet are made of. */
export interface FleetProcess {
  readonly config: Config;
  readonly fleet: Fleet;
  /** All that are enabled, not only those of this process. */
  readonly workers: readonly WorkerDefinition[];
  readonly broker: Broker;
  /** Makes the ids of what follows from events, keyed where the fleet has a key. */
  readonly deriveId: DeriveId;
  readonly names: Names;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** For /readyz: what the management API reports of the broker as a whole. */
  readonly cluster: () => CheckResult;
  /** Verifies who has published a message, where the configuration says so. */
  readonly verify: VerifyPublisher | undefined;
  /** This process among all others of the fleet. */
  readonly instance: string;
  /** Aborts when the process is to end, or when a part of it has failed for good. */
  readonly signal: AbortSignal;
  /** Ends the process with this error: a part of it has failed for good. */
  readonly fail: (error: Error) => void;
  /** Resolves when the stores that are open are claimed and the broker has the topology of all enabled workers; waits for
   *  the broker. Rejects with `fleet.prefix_taken`. */
  readonly topology: () => Promise<void>;
  /** Opens a store and relays from it. */
  readonly openService: (name: string) => Promise<Service>;
  /** Says that this process does its work now: to its supervisor, and to `flotilla status`. */
  readonly ready: (what: Pick<ProcessRecord, 'role' | 'workers' | 'url'>) => Promise<void>;
  /** What is to be done at the end, the latest first; `left` tells how many milliseconds remain. */
  readonly atEnd: (step: (left: () => number) => Promise<void>) => void;
}

/** Runs a process of the fleet: `start` builds it and resolves when it is ready; then it runs until it is told to end
 *  or a part fails, which it rejects with; then what was begun is ended in reverse. */
export async function runFleetProcess(
  context: Context,
  name: string,
  start: (process: FleetProcess) => Promise<void>,
): Promise<void> {
  const { config } = context;
  const fleet = await context.fleet();
  const workers = enabledWorkers(fleet, config);
  const { amqpUrl, managementUrl } = await brokerFor(context, 'write');
  const failure = new AbortController();
  const signal = AbortSignal.any([context.signal, failure.signal]);
  const ends: ((left: () => number) => Promise<void>)[] = [];
  const fail = (error: unknown) => failure.abort(error);

  const lock = lockData(resolve(context.cwd, config.dataDir), 'use', 'shared');
  if (lock === undefined) throw new FlotillaError('config.invalid', `${config.dataDir} is being reset; try again then`);
  ends.push(async () => lock.release());

  const instance = `${name}@${hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`;
  const logger = context.logger({ process: name });
  const { version } = context;
  const metrics = createMetrics({ process: true, build: { service: name, version, commit: config.commit } });
  const names = namesFor(config.prefix);
  let reached = false;
  const keys = context.fleetKeys;
  const rabbit = createRabbitBroker({
    url: amqpUrl,
    managementUrl,
    connectionName: `${config.prefix}${name}`,
    sendUserId: config.userId !== 'off',
    logger,
    metrics,
    // a process that starts waits for a broker, unless waiting cannot help; one that runs keeps trying in any case
    onUnreachable(failure) {
      if (!reached && isPermanentFailure(failure)) fail(new FlotillaError(failure.code, failure.detail));
    },
  });
  const broker = withSigning(rabbit, keys, { config, logger, metrics });
  broker.onState((state) => (reached ||= state === 'ready' || state === 'blocked'));
  ends.push(() => broker.close());

  const { prefix, log, unroutedMax } = config;
  const wanted = topologyOf(queuesOfAll(workers), { prefix, log, unroutedMax });
  const claims: Promise<void>[] = [];
  let agreed: Promise<void> | undefined;
  const agreeOnKey = () =>
    keys === undefined
      ? broker.ready(signal).then(() => requireKey(broker, names, keys))
      : claimKey(
          (claim) => ensureTopology(broker, claim, { logger, signal }),
          names,
          keys,
          () => management.deleteExchange(names.fleetKey),
        );
  let applying: Promise<void> | undefined;
  /** Nothing is declared, consumed or published before every store that this process has opened is claimed. */
  const topology = async () => {
    agreed ??= agreeOnKey();
    await Promise.all([agreed, ...claims]);
    applying ??= ensureTopology(broker, wanted, { logger, signal });
    await applying;
  };

  const management = await openManagement(context);
  const cluster = createClusterWatch(management, names.queue(''), logger);
  const watching = cluster.run(signal);
  ends.push(() => watching);

  try {
    await start({
      cluster: () => cluster.check(),
      config,
      fleet,
      workers,
      broker,
      deriveId: keys?.deriveId ?? derivedId,
      names,
      metrics,
      logger,
      verify: verifyPublisher(config, amqpUrl),
      instance,
      signal,
      fail,
      topology,
      async openService(service) {
        const { databaseUrl, relay } = config;
        const opened = await openService({
          name: service,
          databaseUrl,
          registry: storeRegistry(context),
          broker,
          names,
          instance,
          relay,
          metrics,
          logger,
          topology(store) {
            const replace = {
              givenUp: storeRegistry(context).givenUp(service),
              remove: () => management.deleteExchange(names.store(service)),
            };
            claims.push(claimStore(broker, names, store, { logger, signal, replace }));
            return topology();
          },
        });
        opened.running.catch(fail);
        ends.push((left) => opened.stop(left()));
        return opened;
      },
      async ready(what) {
        const startedAt = new Date().toISOString();
        const dir = join(resolve(context.cwd, config.dataDir), 'run');
        ends.push(await registerProcess({ dir, ...what, pid: process.pid, startedAt }));
        logger.info('Ready', { url: what.url });
        announceReady({ url: what.url });
      },
      atEnd: (step) => void ends.push(step),
    });
    await untilAborted(signal);
  } catch (error) {
    // What was being started was told to stop: that is no failure.
    if (!signal.aborted) fail(error);
  }
  if (!failure.signal.aborted) logger.info('Ending', { reason: messageOf(signal.reason) });
  const until = performance.now() + config.drainTimeout;
  for (const end of ends.reverse()) {
    try {
      await end(() => Math.max(0, until - performance.now()));
    } catch (error) {
      if (error === failure.signal.reason) continue; // what the process ends with is said once
      logger.error('A part did not end in order', { error: messageOf(error) });
    }
  }
  if (failure.signal.aborted && !context.signal.aborted) throw failure.signal.reason;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
