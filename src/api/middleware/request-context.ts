import type { RequestHandler } from 'express';
import type { ServerResponse } from 'node:http';
import { newId } from '../../events/ids.js';
import { newTraceparent } from '../../telemetry/trace-context.js';

/** Correlation, trace and route of a request. */
export interface RequestContext {
  readonly correlationId: string;
  /** W3C Trace Context: sent by the client, or a new trace. */
  readonly traceparent: string;
  /** The path of the matching route; undefined until one matches. */
  route: string | undefined;
  /** SHA-256 of the body, hexadecimal; undefined without an `Idempotency-Key`. */
  bodyHash: string | undefined;
}

const CORRELATION_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

const contexts = new WeakMap<ServerResponse, RequestContext>();

/** Reads `X-Correlation-Id` and `traceparent`, and creates missing or malformed ones. The response carries the
 *  correlation id. */
export const openRequestContext: RequestHandler = (req, res, next) => {
  const sent = req.get('x-correlation-id');
  const traceparent = req.get('traceparent');
  const correlationId = sent !== undefined && CORRELATION_ID.test(sent) ? sent : newId();
  contexts.set(res, {
    correlationId,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : newTraceparent(),
    route: undefined,
    bodyHash: undefined,
  });
  res.set('X-Correlation-Id', correlationId);
  next();
};

/** The context of the request to which `res` responds. */
export function requestContextOf(res: ServerResponse): RequestContext {
  const context = contexts.get(res);
  if (context === undefined) throw new Error('The request has no context: openRequestContext must run first');
  return context;
}
