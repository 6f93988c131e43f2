import type { RequestHandler } from 'express';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { OWN_PATHS } from '../own-paths.js';
import { requestContextOf } from './request-context.js';

/** Requested frequently by monitoring systems. */
const PROBE_PATHS = new Set(['/livez', '/readyz', '/metrics']);

/** Methods with a separate label: clients can send dozens of others. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Writes one log line and one observation for each request, when its response is complete or the client has
 *  disconnected (`aborted`): the path without its query, and no body, because both may contain personal data. */
export function accessLog(logger: Logger, metrics: Pick<Metrics, 'httpSeconds'>): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    const { path, method } = req;
    res.once('close', () => {
      const seconds = (performance.now() - start) / 1000;
      const { correlationId, traceparent, route = ownRoute(path) } = requestContextOf(res);
      const status = res.writableFinished ? res.statusCode : undefined;
      const labels = { method: METHODS.has(method) ? method : 'other', route, status: status ?? 'aborted' };
      metrics.httpSeconds.observe(labels, seconds);
      logger.log(PROBE_PATHS.has(path) ? 'debug' : 'info', 'request', {
        method,
        path: path.slice(0, 500),
        route,
        status,
        code: status === undefined ? 'aborted' : undefined,
        milliseconds: Math.round(seconds * 1e6) / 1e3,
        correlation: correlationId,
        traceparent,
      });
    });
    next();
  };
}

/** The route label of a request that matched no route of the API. */
function ownRoute(path: string): string {
  const own = path.replace(/(?<=.)\/$/, '');
  return OWN_PATHS.has(own) ? own : 'unmatched';
}
