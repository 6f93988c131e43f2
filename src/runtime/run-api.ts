import type { Express } from 'express';
import { createApi } from '../api/app.js';
import { serveApi } from '../api/server.js';
import { requireTokens } from '../config/load-config.js';
import { fleetDocuments } from '../documents/fleet-documents.js';
import { FlotillaError } from '../errors.js';
import { checkRouteEmits, type Fleet } from '../fleet/define-fleet.js';
import { portTaken } from '../net/port-taken.js';
import type { Store } from '../store/store.js';
import { runProcess, type FleetProcess } from './fleet-process.js';
import { completeConfig, type Running, type RunOptions } from './running.js';
import { prepareTables, tablesRead } from './stores/tables-read.js';
import { libraryVersion } from './version.js';

export interface RunApiOptions extends RunOptions {
  /** As `api.settings` of the fleet declares them. */
  settings?: Readonly<Record<string, unknown>>;
  /** `false`: nothing listens; mount `app` in an Express application of your own. @default true */
  server?: boolean;
  /** The application in which `app` is mounted decides who may use it: no token is required, and requests may come from
   *  anywhere. @default false */
  authorized?: boolean;
}

export interface ReadyApi {
  /** The routes of the fleet, with /readyz, /metrics and its documents. */
  app: Express;
  /** The store of the API. What is appended to it is published. */
  store: Store;
  /** Where it is served; undefined without a server. */
  url: string | undefined;
}

/** Runs the API of a fleet in this program, and publishes what its routes append to their store.
 *
 *  The tables that routes read (`reads` of `defineRoute`) are created where their workers have not started yet.
 *
 *  `ready` resolves when requests are served; it does not wait for the broker. When `signal` aborts, requests in progress are
 *  answered and what is stored is published, within `config.drainTimeout` milliseconds.
 *
 *  Throws `config.invalid` where it would listen beyond loopback without a token. Rejects with `fleet.invalid` where the fleet
 *  has no API or a route reads tables that are never in the API's store, with `config.invalid` where the port is taken, and as `openStore`. */
export function runApi(fleet: Fleet, options: RunApiOptions): Running<ReadyApi> {
  const config = completeConfig(options.config);
  if (options.server !== false) requireTokens(config, ['api']);
  return runProcess('api', { ...options, fleet, config }, (process) => startApi(process, options));
}

async function startApi(
  process: FleetProcess,
  { settings = {}, server: listens = true, authorized = false }: RunApiOptions,
): Promise<ReadyApi> {
  const { config, cwd, fleet, logger, metrics, checks } = process;
  if (fleet.api === undefined) throw new FlotillaError('fleet.invalid', 'the fleet declares no api');
  const routes = fleet.api.routes({ ...settings }, config.with);
  checkRouteEmits(fleet, routes);
  const tables = tablesRead(fleet, routes);
  const service = await process.openService(fleet.api.store);
  await prepareTables(service.store, tables);
  checks.store = service.check;
  // without a broker, writes are stored and published later
  const checkBroker = checks.broker;
  checks.broker = () => ({ ...checkBroker?.(), ok: true });
  checks.relay = service.checkRelay;
  const info = { title: fleet.api.store, version: libraryVersion(), ...fleet.api.info };
  const app = await createApi({
    store: service.store,
    routes,
    ...(fleet.api.emits !== undefined && { emits: fleet.api.emits }),
    info,
    documents: fleet.api.documents ? fleetDocuments(fleet, { info, prefix: config.prefix, root: cwd, logger }) : [],
    logger,
    metrics,
    relay: { lagging: service.lagging },
    checks,
    ...(config.apiToken !== undefined && !authorized && { token: config.apiToken }),
    ...(config.metricsToken !== undefined && { metricsToken: config.metricsToken }),
    authorized,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
  });
  const { store } = service;
  if (!listens) return { app, store, url: undefined };
  const { host, port } = config;
  const server = await serveApi(app, { host, port }).catch(portTaken(host, { PORT: port }));
  process.atEnd((left) => server.close(left()));
  await process.register({ role: 'api', workers: [], url: server.url });
  return { app, store, url: server.url };
}
