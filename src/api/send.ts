import type { ErrorRequestHandler, Request, Response } from 'express';
import { errorOf, messageOf, stackOf } from '../errors.js';
import type { Logger } from '../telemetry/logger.js';
import type { SerializedReply } from './idempotency.js';
import { isKnown } from './etag.js';
import { ProblemError, problemOf } from './problems.js';
import { storyOf } from './request-story.js';

/** Sends what a route replied, but 304 to who asks for what it has already; nothing where an answer is out already or
 *  the caller is gone. */
export function sendReply(req: Request, res: Response, { status, headers, body, replayed }: SerializedReply): void {
  if (res.headersSent || res.destroyed) return;
  res.status(status).set(headers);
  // express would do it, but not for callers that say `Cache-Control: no-cache`, as fetch does with every If-None-Match
  if (status === 200 && isRead(req.method) && isKnown(req.get('if-none-match'), res.get('etag'))) {
    res.status(304).end();
    return;
  }
  if (replayed) res.set('Idempotency-Replayed', 'true');
  if (body === undefined) res.end();
  else res.type('application/json').send(body);
}

const isRead = (method: string) => method === 'GET' || method === 'HEAD';

/** Sends a problem as RFC 9457 has it, with `code`, the correlation id and, where fields are wrong, `errors`. */
export function sendProblem(req: Request, res: Response, problem: ProblemError): void {
  if (res.headersSent || res.destroyed) return;
  const { status, code, title, detail, errors, headers, members } = problem;
  if (status === 503) res.set('Retry-After', '1');
  res.status(status).set(headers).set('Content-Type', 'application/problem+json; charset=utf-8');
  const standard = {
    type: `urn:flotilla:problem:${code}`,
    title,
    status,
    ...(detail !== undefined && { detail }),
    code,
    instance: req.path.slice(0, 500),
    correlationId: storyOf(res).correlationId,
    ...(errors !== undefined && { errors }),
  };
  // not `send`, which would give the problem an ETag, as if it were a version of what was asked for
  res.end(JSON.stringify({ ...standard, ...members, ...standard })); // the standard members first, and as they are
}

/** The end of every failed request: what is the service's fault is logged whole and told by its code alone. */
export function answerFailures(logger: Logger): ErrorRequestHandler {
  return (thrown: unknown, req, res, _next) => {
    const error = errorOf(thrown);
    const problem = problemOf(error);
    // a ProblemError was meant; the access log has it
    if (problem.status >= 500 && !(error instanceof ProblemError)) {
      const { correlationId, route } = storyOf(res);
      logger.log(problem.status === 500 ? 'error' : 'warn', 'request failed', {
        code: problem.code,
        route,
        correlationId,
        error: messageOf(error),
        stack: stackOf(error),
      });
    }
    sendProblem(req, res, problem);
  };
}
