import type { Express, RequestHandler } from 'express';
import { FlotillaError, messageOf } from '../errors.js';
import { packages } from '../packages.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { UndeclaredEmits } from '../telemetry/undeclared-emits.js';
import { accessLog } from './middleware/access-log.js';
import type { ApiDocument, DocumentRequest } from './documents/api-document.js';
import { nameDocument, serveDocument } from './documents/serve-document.js';
import { authorize, authorizeBrowser } from './middleware/authorize.js';
import { cors } from './middleware/cors.js';
import { healthRoutes, metricsRoute, type Checks } from './health.js';
import { Idempotency, idempotencyMigrations } from './idempotency/idempotency.js';
import { localOnly } from './middleware/local-only.js';
import { OWN_PATHS } from './own-paths.js';
import { openApi, openApiDocument, type ApiInfo } from './openapi/document.js';
import { problem } from './problems/problems.js';
import { openRequestContext } from './middleware/request-context.js';
import { responseHeaders } from './middleware/response-headers.js';
import type { Route } from './route.js';
import { answerFailures } from './send-reply.js';
import { serveRoute, type ApiLimits } from './serve-route.js';

/** The options of `createApi`. */
export interface ApiOptions {
  /** Closed by the caller, after the server. */
  store: Store;
  routes: readonly Route[];
  /** The types that routes without `emits` may append. @default any type */
  emits?: readonly string[];
  logger: Logger;
  metrics: Metrics;
  /** The bearer token of requests. Without a token, only requests from this machine are accepted, unless
   *  `authorized`. */
  token?: string;
  /** Requests are already authorized in front of this app, for example by the Express application that mounts it.
   *  @default false */
  authorized?: boolean;
  /** Grants access to `/metrics` only, in addition to `token`. */
  metricsToken?: string;
  /** Origins whose pages may call the API, such as `https://shop.example.org`. @default none */
  corsOrigins?: readonly string[];
  /** Addresses or networks (CIDR) of trusted proxies, whose `X-Forwarded-Proto` is used. @default none */
  trustedProxies?: readonly string[];
  /** @default 256 KiB and 15 s */
  limits?: Partial<ApiLimits>;
  /** While the relay lags, writes are refused with 503 and Retry-After. */
  relay?: { lagging(): boolean };
  /** The checks of `/readyz`. */
  checks?: Checks;
  /** The `info` of the OpenAPI document. */
  info?: ApiInfo;
  /** Served beside the routes and `/openapi.json`. @default none */
  documents?: readonly ApiDocument[];
  /** Milliseconds since the epoch. */
  clock?: () => number;
}

/** How long a reply is stored under its Idempotency-Key, and how often expired ones are deleted; milliseconds. */
const IDEMPOTENCY_RETENTION_MS = 24 * 3_600_000;
const PURGE_INTERVAL_MS = 10 * 60_000;

/** Creates the HTTP API of a fleet as an Express app. Several processes may serve the same store. Resolves when the
 *  table for Idempotency-Keys exists. Does not listen (see `serveApi`), and does not create the tables that routes read
 *  (see `runApi`). May be mounted in another Express application below any path, before middleware that reads bodies.
 *  Throws `fleet.invalid` if two routes are identical. */
export async function createApi(options: ApiOptions): Promise<Express> {
  const { store, routes, logger, metrics, token, checks = {}, clock = Date.now } = options;
  const { metricsToken, corsOrigins = [], trustedProxies = [], authorized = false } = options;
  const documents = withOpenApi(options);
  checkRoutes(routes, documents);
  await store.migrate('api', idempotencyMigrations);
  const idempotency = new Idempotency(store, clock);
  const services = {
    store,
    idempotency,
    logger,
    clock,
    limits: { bodyBytes: 256 * 1024, requestTimeout: 15_000, ...options.limits },
    emits: options.emits,
    undeclaredEmits: new UndeclaredEmits(metrics, { service: store.service, worker: 'api' }),
    lagging: () => options.relay?.lagging() ?? false,
  };

  const app = packages.express();
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  if (trustedProxies.length > 0) app.set('trust proxy', [...trustedProxies]);
  app.use(openRequestContext, accessLog(logger, metrics), ...responseHeaders());
  if (token === undefined && !authorized) app.use(localOnly(corsOrigins));
  if (corsOrigins.length > 0) {
    const declared = routes.flatMap(({ headers }) => Object.keys(headers));
    app.use(cors(corsOrigins, declared));
  }
  app.use(healthRoutes(checks, logger));
  if (token !== undefined) app.use('/metrics', authorize(token, ...(metricsToken === undefined ? [] : [metricsToken])));
  app.use(metricsRoute(metrics));
  const readers = token === undefined ? [] : [authorizeBrowser(token)];
  const shared = token === undefined && !authorized;
  for (const document of documents) {
    app.get(document.path, nameDocument(document), ...readers, serveDocument(document, { shared }));
  }
  if (token !== undefined) app.use(authorize(token));
  app.use(purgeNowAndThen(idempotency, clock, logger));
  for (const route of routes) app[route.method](route.path, ...serveRoute(route, services));
  for (const [path, allowed] of methodsByPath(routes, documents)) app.all(path, refuseMethod(allowed));
  app.use(() => {
    throw problem('request.no_route');
  });
  app.use(answerFailures(logger));
  return app;
}

/** The documents of an API, and its OpenAPI document. */
function withOpenApi({ store, routes, info, token, documents = [] }: ApiOptions): ApiDocument[] {
  const description = openApi(routes, info ?? { title: store.service, version: '1' }, {
    token: token !== undefined,
    documents,
  });
  const content = ({ baseUrl }: DocumentRequest) =>
    JSON.stringify(baseUrl === '' ? description : { ...description, servers: [{ url: baseUrl }] });
  return [{ ...openApiDocument, content }, ...documents];
}

function checkRoutes(routes: readonly Route[], documents: readonly ApiDocument[]): void {
  const seen = new Set<string>();
  const taken = new Set(documents.map(({ path }) => path));
  for (const { method, path, operationId } of routes) {
    const name = `${method.toUpperCase()} ${path}`;
    if (seen.has(name) || OWN_PATHS.has(path))
      throw new FlotillaError('fleet.invalid', `the route ${name} is declared twice`);
    if (taken.has(path))
      throw new FlotillaError(
        'fleet.invalid',
        `the path of ${name} belongs to a document of the fleet; rename the route, or set \`documents: false\` in \`api\` of defineFleet`,
      );
    if (seen.has(operationId))
      throw new FlotillaError('fleet.invalid', `two routes have the operationId ${operationId}`);
    seen.add(name).add(operationId);
  }
}

/** Deletes expired replies in the course of a request, so that an idle process does nothing. The request does not wait
 *  for it. */
function purgeNowAndThen(idempotency: Idempotency, clock: () => number, logger: Logger): RequestHandler {
  const fault = new FaultLog(logger);
  let next = clock();
  return (_req, _res, proceed) => {
    const now = clock();
    if (now >= next) {
      next = now + PURGE_INTERVAL_MS;
      idempotency.purge(now - IDEMPOTENCY_RETENTION_MS).then(
        (purged) => {
          fault.recovered('expired idempotency replies are deleted again');
          logger.debug('expired idempotency replies deleted', { purged });
        },
        (error: unknown) =>
          fault.failed('expired idempotency replies could not be deleted; retrying later', { error: messageOf(error) }),
      );
    }
    proceed();
  };
}

function methodsByPath(routes: readonly Route[], documents: readonly ApiDocument[]): Map<string, string> {
  const reads = [...OWN_PATHS, ...documents.map(({ path }) => path)];
  const methods = new Map<string, string[]>(reads.map((path) => [path, ['GET', 'HEAD']]));
  for (const { method, path } of routes) {
    const names = method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()];
    methods.set(path, [...(methods.get(path) ?? []), ...names]);
  }
  return new Map([...methods].map(([path, names]) => [path, [...names, 'OPTIONS'].join(', ')]));
}

function refuseMethod(allowed: string): RequestHandler {
  return (req, res) => {
    if (req.method !== 'OPTIONS') throw problem('request.method_not_allowed', { headers: { Allow: allowed } });
    res.status(204).set('Allow', allowed).end();
  };
}
