import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FlotillaError } from '../errors.js';
import { describeTakenPort } from '../net/port-taken.js';
import { foreignRequest } from '../net/foreign-request.js';
import { createHttpServer, type ServerLimits } from '../net/http-server.js';
import type { Metrics } from './metrics.js';

/** The result of a readiness check. */
export interface CheckResult {
  ok: boolean;
  /** The problem, or the current state; no secrets. */
  detail?: string;
  /** RFC 3339: when this state began, and when it ends on its own. */
  since?: string;
  until?: string;
}

export interface HealthServerOptions {
  /** Beyond loopback, set a token. */
  host: string;
  /** 0 selects any free port. */
  port: number;
  metrics: Metrics;
  /** The process is ready when all checks are ok. Called for each request; must be fast and not throw. */
  checks: Readonly<Record<string, () => CheckResult>>;
  /** The state of the ordered workers, served as `/ordering`. @default 404 */
  ordering?: (() => unknown) | undefined;
  /** Bearer token required for detailed responses. */
  token?: string;
  limits?: Partial<ServerLimits>;
}

export interface HealthServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `/livez` (200 while the event loop turns), `/readyz` (200 when every check is ok, otherwise 503, with the
 *  checks as JSON), `/metrics` (Prometheus) and, for ordered workers, `/ordering` (JSON). Resolves when it listens. Rejects with `config.invalid`, naming
 *  HEALTH_PORT, when the port is taken. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { host, port } = options;
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response, options).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  };
  const server = createHttpServer(listener, { ...LIMITS, ...options.limits });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFailure(error, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Health requests are few, small and without a body. */
const LIMITS: Partial<ServerLimits> = { headersTimeout: 5_000, requestTimeout: 10_000, maxConnections: 100 };

async function answer(request: IncomingMessage, response: ServerResponse, options: HealthServerOptions): Promise<void> {
  const send = (status: number, type: string, body: string) => {
    response.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  const foreign = options.token === undefined ? foreignRequest(request) : undefined;
  if (foreign !== undefined) return send(403, 'text/plain', `${foreign}\n`);
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'method not allowed\n');
  const path = request.url?.split('?')[0];
  if (path === '/livez') return send(200, 'text/plain', 'ok\n');
  if (path === '/readyz') {
    const checks = Object.fromEntries(Object.entries(options.checks).map(([name, check]) => [name, check()]));
    const ready = Object.values(checks).every(({ ok }) => ok);
    const status = ready ? 'ready' : 'not ready';
    const shown = isAllowed(request, options.token) ? { status, checks } : { status };
    return send(ready ? 200 : 503, 'application/json', `${JSON.stringify(shown)}\n`);
  }
  if (path === '/metrics') {
    if (!isAllowed(request, options.token)) return send(401, 'text/plain', 'a bearer token is needed\n');
    const { registry } = options.metrics;
    return send(200, registry.contentType, await registry.metrics());
  }
  if (path === '/ordering' && options.ordering !== undefined) {
    if (!isAllowed(request, options.token)) return send(401, 'text/plain', 'a bearer token is needed\n');
    return send(200, 'application/json', `${JSON.stringify(options.ordering())}\n`);
  }
  send(404, 'text/plain', 'not found\n');
}

/** Compares digests in constant time, so that the duration reveals nothing about the token. */
function isAllowed(request: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${token}`));
}

function listenFailure(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new FlotillaError(
      'config.invalid',
      `HEALTH_PORT: ${describeTakenPort(host, port)}; or set another, 0 for any`,
    );
  }
  return new FlotillaError(
    'config.invalid',
    `HEALTH_PORT: cannot listen on ${host}:${port} (${error.code ?? error.message})`,
  );
}
