import type { RequestHandler } from 'express';
import type { ServerResponse } from 'node:http';
import { newId } from '../events/ids.js';
import { newTraceparent } from '../telemetry/trace-context.js';

/** What is known of a request besides its inputs. */
export interface RequestStory {
  readonly correlationId: string;
  /** W3C Trace Context: that of the caller, or of a new trace. */
  readonly traceparent: string;
  /** The path of the route that took it; undefined while none did. */
  route: string | undefined;
  /** SHA-256 of the body, hexadecimal, where somebody will ask for it. */
  bodyHash: string | undefined;
}

const CORRELATION_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

const stories = new WeakMap<ServerResponse, RequestStory>();

/** Takes up the story the caller names by X-Correlation-Id and traceparent, or begins a new one where they are missing
 *  or not well formed; the answer carries the correlation id. */
export const beginStory: RequestHandler = (req, res, next) => {
  const sent = req.get('x-correlation-id');
  const traceparent = req.get('traceparent');
  const correlationId = sent !== undefined && CORRELATION_ID.test(sent) ? sent : newId();
  stories.set(res, {
    correlationId,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : newTraceparent(),
    route: undefined,
    bodyHash: undefined,
  });
  res.set('X-Correlation-Id', correlationId);
  next();
};

/** The story of the request that `res` answers. */
export function storyOf(res: ServerResponse): RequestStory {
  const story = stories.get(res);
  if (story === undefined) throw new Error('The request has no story: beginStory comes before everything else');
  return story;
}
