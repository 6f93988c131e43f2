import type { RequestHandler } from 'express';
import { strongEtagOf } from '../conditional-requests/etag.js';
import { isNotModified } from '../conditional-requests/preconditions.js';
import { requestContextOf } from '../middleware/request-context.js';
import type { ApiDocument } from './api-document.js';

/** A page may load nothing else, is in no frame, and sends no form. Without `upgrade-insecure-requests`, because a fleet
 *  may be served over HTTP. */
const POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const LIFETIMES = { hour: 'max-age=3600, immutable', revalidate: 'no-cache' } as const;

/** Sets the route of the request, for its log line and its metrics. */
export function nameDocument({ path }: ApiDocument): RequestHandler {
  return (_req, res, next) => {
    requestContextOf(res).route = path;
    next();
  };
}

/** Serves a document with a strong ETag; answers 304 to a client that has it. `shared`: caches that serve several users
 *  may store it; they would not ask for a token (RFC 9111 §3.5). */
export function serveDocument(
  { contentType, cache, loads, content }: ApiDocument,
  { shared }: { shared: boolean },
): RequestHandler {
  const headers = {
    'Cache-Control': `${shared ? 'public' : 'private'}, ${LIFETIMES[cache]}`,
    'Content-Security-Policy': loads === undefined ? POLICY : `${POLICY}; ${loads}`,
  };
  return async (req, res) => {
    const body = await content({ params: req.params as Record<string, string>, baseUrl: req.baseUrl });
    const etag = strongEtagOf(body);
    res.set({ ...headers, ETag: etag });
    if (isNotModified(req.get('if-none-match'), etag)) res.status(304).end();
    else res.set('Content-Type', contentType).end(body);
  };
}
