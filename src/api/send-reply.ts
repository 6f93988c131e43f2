import type { ErrorRequestHandler, Request, Response } from 'express';
import { errorOf, FlotillaError, messageOf, stackOf } from '../errors.js';
import type { Logger } from '../telemetry/logger.js';
import type { SerializedReply } from './idempotency/idempotency.js';
import { weakEtagOf } from './conditional-requests/etag.js';
import { instanceOf } from './problems/problem-instance.js';
import { isNotModified, passesIfMatch } from './conditional-requests/preconditions.js';
import { problem, ProblemError, problemOf } from './problems/problems.js';
import { requestContextOf } from './middleware/request-context.js';

/** Sends the reply of a route, subject to the conditions of the request: 304 if the client already has the
 *  representation, 412 if it requires another version. Sends nothing if a response was already sent or the client has
 *  disconnected. */
export function sendReply(req: Request, res: Response, { status, headers, body, replayed }: SerializedReply): void {
  if (res.headersSent || res.destroyed) return;
  res.status(status).set(belowMount(req, headers));
  if (status === 200 && isRead(req.method)) {
    // not left to Express: it responds with 200 to `Cache-Control: no-cache`, which fetch sends with conditions
    const etag = res.get('etag') ?? weakEtagOf(body ?? '');
    if (!passesIfMatch(req.get('if-match'), etag)) throw problem('request.precondition_failed', { headers });
    res.set('ETag', etag);
    if (isNotModified(req.get('if-none-match'), etag)) {
      res.status(304).end();
      return;
    }
  }
  if (replayed) res.set('Idempotency-Replayed', 'true');
  if (body === undefined) res.end();
  else res.set('Content-Type', 'application/json; charset=utf-8').end(body);
}

/** Routes know paths from the root of their app, which may be mounted below another path. */
function belowMount({ baseUrl }: Request, headers: SerializedReply['headers']): SerializedReply['headers'] {
  const { Location: location } = headers;
  return baseUrl === '' || location?.startsWith('/') !== true ? headers : { ...headers, Location: baseUrl + location };
}

const isRead = (method: string) => method === 'GET' || method === 'HEAD';

/** Sends a problem (RFC 9457) with `code`, the correlation id and, for invalid fields, `errors`. */
export function sendProblem(req: Request, res: Response, error: ProblemError): void {
  if (res.headersSent || res.destroyed) return;
  const { status, code, title, detail, errors, headers, members } = error;
  if (status === 503) res.set('Retry-After', '1');
  res.status(status).set(headers).set('Content-Type', 'application/problem+json; charset=utf-8');
  const standard = {
    type: `urn:flotilla:problem:${code}`,
    title,
    status,
    ...(detail !== undefined && { detail }),
    code,
    instance: instanceOf(req.baseUrl + req.path),
    correlationId: requestContextOf(res).correlationId,
    ...(errors !== undefined && { errors }),
  };
  // not `send`, which would add an ETag, as if the problem were a version of the resource
  res.end(JSON.stringify({ ...standard, ...members, ...standard })); // the standard members first, and not replaceable
}

/** Handles every failed request: an internal error is logged with its details, and the client receives only its
 *  code. */
export function answerFailures(logger: Logger): ErrorRequestHandler {
  return (thrown: unknown, req, res, _next) => {
    const error = errorOf(thrown);
    const answer = problemOf(error);
    // a ProblemError is intended and already in the access log
    if (answer.status >= 500 && !(error instanceof ProblemError)) {
      const { correlationId, traceparent, route } = requestContextOf(res);
      logger.log(answer.status === 500 ? 'error' : 'warn', 'request failed', {
        code: error instanceof FlotillaError ? error.code : answer.code,
        route,
        correlation: correlationId,
        traceparent,
        error: messageOf(error),
        stack: stackOf(error),
      });
    }
    sendProblem(req, res, answer);
  };
}
