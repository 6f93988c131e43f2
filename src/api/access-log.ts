import type { RequestHandler } from 'express';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { storyOf } from './request-story.js';

/** Asked all the time by whoever watches the process. */
const QUIET = new Set(['/livez', '/readyz', '/metrics']);

/** One line and one observation for each request, when its answer is out or the caller is gone (`aborted`): the path
 *  without its query, and no body, as both may be personal. */
export function accessLog(logger: Logger, metrics: Pick<Metrics, 'httpSeconds'>): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    const { path, method } = req;
    res.once('close', () => {
      const seconds = (performance.now() - start) / 1000;
      const { correlationId, traceparent, route = 'none' } = storyOf(res);
      const status = res.writableFinished ? res.statusCode : undefined;
      metrics.httpSeconds.observe({ method, route, status: status ?? 'aborted' }, seconds);
      logger.log(QUIET.has(path) ? 'debug' : 'info', 'request', {
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
