import type { RequestHandler } from 'express';

const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'X-Correlation-Id',
  'traceparent',
].join(', ');
const EXPOSED_HEADERS = ['ETag', 'Idempotency-Replayed', 'Location', 'Retry-After', 'X-Correlation-Id'];

/** How long a browser may cache the response to a preflight, in seconds. */
const MAX_AGE = '600';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';

/** Allows pages of these origins, and no others, to call the API with its token, and to read the response headers of
 *  `exposed` in addition to the common ones. Browsers send no cookies or other credentials (no
 *  Access-Control-Allow-Credentials). A preflight carries no token, so it is answered before authorization. Source:
 *  https://fetch.spec.whatwg.org/#http-cors-protocol */
export function cors(origins: readonly string[], exposed: readonly string[]): RequestHandler {
  const exposedHeaders = [...new Set([...EXPOSED_HEADERS, ...exposed])].join(', ');
  return (req, res, next) => {
    res.vary('Origin');
    const origin = req.get('origin');
    if (origin === undefined || !origins.includes(origin)) return next();
    res.set('Access-Control-Allow-Origin', origin);
    if (req.method !== 'OPTIONS' || req.get('access-control-request-method') === undefined) {
      res.set('Access-Control-Expose-Headers', exposedHeaders);
      return next();
    }
    res.set({
      'Access-Control-Allow-Methods': METHODS,
      'Access-Control-Allow-Headers': REQUEST_HEADERS,
      'Access-Control-Max-Age': MAX_AGE,
    });
    res.status(204).end();
  };
}
