import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { developmentSettings, readSettings } from '../../config/worker-settings.js';
import { startHealthServer, type CheckResult } from '../telemetry/health-server.js';
import { startWorker, type RunningWorker } from '../worker/start.js';
import type { Context } from './context.js';
import { findWorker } from './enabled-workers.js';
import { runFleetProcess, type FleetProcess } from './fleet-process.js';
import { purgeInboxes } from './purge-inboxes.js';
import type { Service } from './service.js';

export function register(program: Command, context: Context): void {
  program
    .command('worker')
    .description('run one worker or several in one process; any number of such processes share the work')
    .argument('<name...>', 'as in config/fleet')
    .action((names: string[]) =>
      runFleetProcess(context, names.join('+'), (process) => startWorkers(process, names, context.env)),
    );
}

const LOOK = 20;

async function startWorkers(process: FleetProcess, names: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { config, broker, logger, metrics, instance, signal } = process;
  const wanted = [...new Set(names)].map((name) => findWorker(process.workers, name, 'flotilla worker'));
  const settings = { ...developmentSettings(config), ...env };
  const prepared = wanted.map(({ definition }) => ({
    definition,
    settings: readSettings(definition.name, definition.settings, settings),
  }));

  const checks: Record<string, () => CheckResult> = {
    broker: () => ({ ok: broker.state === 'ready', detail: broker.state }),
  };
  for (const { name } of wanted) checks[name] = () => ({ ok: false, detail: 'starting' });
  const health = await startHealthServer({
    host: config.host,
    port: config.healthPort,
    metrics,
    checks,
    ...(config.apiToken !== undefined && { token: config.apiToken }),
  });
  process.atEnd(() => health.close());

  const services = new Map<string, Service>();
  for (const { definition } of prepared) {
    if (!services.has(definition.store)) {
      services.set(definition.store, await process.openService(definition.store));
    }
  }
  await process.topology;

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
      instance,
      logger,
      metrics,
      relay: service.gauge,
    });
    running.push(worker);
    checks[worker.name] = () => checkOf(worker);
  }
  const stores = [...services.values()].map(({ store }) => store);
  const purging = purgeInboxes(stores, config.log.maxAge, logger, signal);
  process.atEnd(() => purging);

  while (!running.every(isAtWork)) await sleep(LOOK, undefined, { signal });
  await process.ready({ role: 'worker', workers: running.map(({ name }) => name), url: health.url });
}

/** A worker that pauses has begun, too. */
function isAtWork(worker: RunningWorker): boolean {
  const { consuming, pauses } = worker.state();
  return consuming || pauses.length > 0;
}

function checkOf(worker: RunningWorker): CheckResult {
  const { consuming, breaker, pauses, inHand, overdue, projections } = worker.state();
  const still = projections.filter(({ status }) => status === 'stopped' || status === 'outdated');
  const parts = [
    consuming ? 'consuming' : `paused${pauses.length > 0 ? ` (${pauses.join(', ')})` : ''}`,
    `breaker ${breaker}`,
    `${inHand} in hand`,
    ...(overdue > 0 ? [`${overdue} overdue`] : []),
    // what the others keep is as good as ever: no reason not to be ready
    ...still.map(({ name, stop }) =>
      stop === undefined
        ? `${name} has to be rebuilt`
        : `${name} stopped at ${stop.position} (${stop.type} ${stop.eventId}: ${stop.code})`,
    ),
  ];
  return { ok: consuming, detail: parts.join(', ') };
}
