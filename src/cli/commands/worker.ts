import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { requireTokens } from '../../config/load.js';
import { readSettings, withDevelopmentSettings } from '../../config/worker-settings.js';
import type { StreamConsumerState } from '../../event-log/stream-consumer.js';
import type { ProjectionState } from '../../projections/status.js';
import { SagaGauge } from '../../sagas/gauge.js';
import type { SagaCount } from '../../sagas/list.js';
import { startHealthServer, type CheckResult } from '../../telemetry/health-server.js';
import type { WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { hasQueue } from '../../worker/definition/queues.js';
import { startWorker, type RunningWorker } from '../../worker/start.js';
import type { WorkerState } from '../../worker/state.js';
import { brokerCheck } from '../../runtime/broker-check.js';
import type { Context } from '../shared/context.js';
import { requireSettings } from '../shared/check-settings.js';
import { enabledWorkers, findWorker } from '../../runtime/enabled-workers.js';
import { runFleetProcess, type FleetProcess } from '../shared/fleet-process.js';
import { keepHouse } from '../../runtime/housekeeping.js';
import { inboxAge } from '../../runtime/log-age.js';
import { emittersOf } from '../../fleet/define-fleet.js';
import { openServices } from '../shared/resources.js';
import type { Service } from '../../runtime/service.js';

export function register(program: Command, context: Context): void {
  program
    .command('worker')
    .description('run one worker or several in one process; any number of such processes share the work')
    .argument('<name...>', 'as in config/fleet')
    .action(async (names: string[]) => {
      const { workers, sandbox } = await context.fleet();
      const enabled = enabledWorkers({ workers }, context.config);
      const wanted = [...new Set(names)].map((name) => findWorker(enabled, name));
      requireTokens(context.config, ['health']);
      requireSettings(context.env, { sandbox }, wanted);
      await runFleetProcess(context, names.join('+'), (process) => startWorkers(process, wanted, context));
    });
}

const LOOK = 20;

async function startWorkers(
  process: FleetProcess,
  wanted: readonly WorkerDefinition[],
  context: Context,
): Promise<void> {
  const { config, broker, logger, metrics, instance, signal } = process;
  const settings = withDevelopmentSettings(process.fleet, context.env);
  const prepared = wanted.map((definition) => ({
    definition,
    settings: readSettings(definition.name, definition.settings, settings),
  }));

  const checks: Record<string, () => CheckResult> = {
    broker: () => brokerCheck(broker),
    cluster: process.cluster,
  };
  for (const { name } of wanted) checks[name] = () => ({ ok: false, detail: 'starting' });
  const health = await startHealthServer({
    host: config.healthHost,
    port: config.healthPort,
    metrics,
    checks,
    ...(config.metricsToken !== undefined && { token: config.metricsToken }),
  });
  process.atEnd(() => health.close());

  const services = new Map<string, Service>();
  for (const { definition } of prepared) {
    if (!services.has(definition.store)) {
      const service = await process.openService(definition.store);
      services.set(definition.store, service);
      checks[`store:${definition.store}`] = service.check;
      checks[`relay:${definition.store}`] = service.checkRelay;
    }
  }
  await process.topology();

  const others = openServices(context, process.fleet);
  process.atEnd(() => others.close());
  const running: RunningWorker[] = [];
  process.atEnd(async (left) => void (await Promise.all(running.map((worker) => worker.stop(left())))));
  for (const { definition, settings: own } of prepared) {
    const service = services.get(definition.store);
    if (service === undefined) continue;
    const worker = await startWorker(definition, {
      store: service.store,
      broker,
      prefix: config.prefix,
      settings: own,
      emitters: emittersOf(process.fleet),
      definitions: process.fleet.catalogue.definitions,
      deriveId: process.deriveId,
      instance,
      logger,
      metrics,
      relay: service.gauge,
      serviceStores: others.history,
      verify: process.verify,
      onFatal: process.fail,
    });
    running.push(worker);
    const sagas = new SagaGauge(service.store, definition.sagas, metrics);
    if (definition.sagas.length > 0) {
      const counting = sagas.run(logger, signal);
      process.atEnd(() => counting);
    }
    checks[worker.name] = () => checkOf(worker, definition, sagas.counts);
  }
  const stores = [...services.values()].map(({ store }) => store);
  const housekeeping = keepHouse(stores, inboxAge(config.log.maxAge), logger, signal);
  process.atEnd(() => housekeeping);

  while (!running.every(isAtWork)) await sleep(LOOK, undefined, { signal });
  await process.ready({ role: 'worker', workers: running.map(({ name }) => name), url: health.url });
}

/** A worker that pauses has begun, too. */
function isAtWork(worker: RunningWorker): boolean {
  const { consuming, pauses, log } = worker.state();
  return (consuming || pauses.length > 0) && log?.status !== 'starting';
}

/** A read model that stands still is told, but is no reason not to be ready: the others go on. */
function checkOf(worker: RunningWorker, definition: WorkerDefinition, sagas: readonly SagaCount[]): CheckResult {
  const state = worker.state();
  const { consuming, circuitBreaker, pauses, inHand, overdue, abandoned, unpublished, stuck, log, projections } = state;
  const queue = [
    consuming ? 'consuming' : `paused${pauses.length > 0 ? ` (${pauses.join(', ')})` : ''}`,
    `circuit breaker ${circuitBreaker}`,
    `${inHand} in hand`,
    ...(overdue > 0 ? [`${overdue} overdue`] : []),
    ...(abandoned > 0 ? [`${abandoned} abandoned`] : []),
    ...(unpublished > 0 ? [`${unpublished} that the broker does not take for a retry or the dead letters`] : []),
    ...(stuck ? [`every slot is held (prefetch ${definition.prefetch})`] : []),
  ];
  const parts = [
    ...(hasQueue(definition) ? queue : []),
    ...(log === undefined ? [] : [readingOf(log)]),
    ...projections.map(progressOf),
    ...sagas.filter(({ count }) => count > 0).map(({ saga, status, count }) => `${count} of ${saga} ${status}`),
  ];
  return { ok: consuming && !stuck, detail: parts.join(', '), ...timesOf(state) };
}

/** Since when the circuit breaker is not closed, and until when nothing is consumed. */
function timesOf({ openFor, pausedFor }: WorkerState): Pick<CheckResult, 'since' | 'until'> {
  const at = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString();
  return {
    ...(openFor !== undefined && { since: at(-openFor) }),
    ...(pausedFor !== undefined && { until: at(pausedFor) }),
  };
}

function readingOf({ status, offset, alarms }: StreamConsumerState): string {
  return [`log ${status}, done up to ${offset}`, ...alarms].join('; ');
}

function progressOf({ name, status, behind, stop }: ProjectionState): string {
  if (status === 'outdated') return `${name} has to be rebuilt`;
  if (stop === undefined) return `${name} ${behind} behind`;
  return `${name} stopped at ${stop.position} (${stop.type} ${stop.eventId}: ${stop.code})`;
}
