import type { Command } from 'commander';
import { requireTokens } from '../../config/load.js';
import { createKeeper } from '../../dead-letters/keeper.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import { startHealthServer, type CheckResult } from '../../telemetry/health-server.js';
import { queuesOfAll } from '../../worker/definition/queues.js';
import { brokerCheck } from '../../runtime/broker-check.js';
import type { Context } from '../shared/context.js';
import { runFleetProcess, type FleetProcess } from '../shared/fleet-process.js';

export function register(program: Command, context: Context): void {
  program
    .command('keeper')
    .description('keep the dead letters of all workers in a store, where they can be looked at and replayed')
    .action(async () => {
      requireTokens(context.config, ['health']);
      await runFleetProcess(context, 'keeper', startKeeper);
    });
}

async function startKeeper(process: FleetProcess): Promise<void> {
  const { config, fleet, workers, broker, names, logger, metrics, signal } = process;
  const checks: Record<string, () => CheckResult> = {
    broker: () => brokerCheck(broker),
    cluster: process.cluster,
  };
  const health = await startHealthServer({
    host: config.healthHost,
    port: config.healthPort,
    metrics,
    checks,
    ...(config.metricsToken !== undefined && { token: config.metricsToken }),
  });
  process.atEnd(() => health.close());
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
  await process.ready({ role: 'keeper', workers: [], url: health.url });
}
