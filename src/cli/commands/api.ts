import type { Command } from 'commander';
import { requireTokens } from '../../config/load.js';
import { readApiSettings } from '../../config/worker-settings.js';
import { createApi } from '../../api/app.js';
import { serveApi } from '../../api/server.js';
import { FlotillaError } from '../../errors.js';
import { prepareProjections } from '../../projections/prepare.js';
import { requireSettings } from '../shared/check-settings.js';
import { brokerCheck } from '../../runtime/broker-check.js';
import type { Context } from '../shared/context.js';
import { runFleetProcess, type FleetProcess } from '../shared/fleet-process.js';
import { portTaken } from '../shared/port-taken.js';

export function register(program: Command, context: Context): void {
  program
    .command('api')
    .description('serve the fleet over HTTP; takes writes also while the broker is down')
    .action(async () => {
      const { api } = await context.fleet();
      requireTokens(context.config, ['api']);
      requireSettings(context.env, { api }, []);
      await runFleetProcess(context, 'api', (process) => startApi(process, context));
    });
}

async function startApi(process: FleetProcess, { env, version }: Context): Promise<void> {
  const { config, fleet, workers, broker, logger, metrics } = process;
  if (fleet.api === undefined) throw new FlotillaError('fleet.invalid', 'config/fleet declares no api');
  const routes = fleet.api.routes(readApiSettings(fleet.api.settings, env));
  const service = await process.openService(fleet.api.store);
  // Routes read the tables of the workers that share the store, which may not have started yet.
  for (const { name, store, migrations, projections } of workers) {
    if (store !== fleet.api.store) continue;
    await service.store.migrate(`worker:${name}`, migrations);
    await prepareProjections(service.store, projections);
  }
  const { lagging } = service;
  const app = await createApi({
    store: service.store,
    routes,
    info: { title: fleet.api.store, version, ...fleet.api.info },
    logger,
    metrics,
    relay: { lagging },
    checks: {
      store: service.check,
      // without a broker, writes are stored and published later
      broker: () => ({ ...brokerCheck(broker), ok: true }),
      cluster: process.cluster,
      relay: service.checkRelay,
    },
    ...(config.apiToken !== undefined && { token: config.apiToken }),
    ...(config.metricsToken !== undefined && { metricsToken: config.metricsToken }),
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
  });
  const server = await serveApi(app, { host: config.host, port: config.port }).catch(
    portTaken(config.host, { PORT: config.port }),
  );
  process.atEnd((left) => server.close(left()));
  await process.ready({ role: 'api', workers: [], url: server.url });
}
