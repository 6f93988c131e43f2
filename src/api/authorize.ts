import type { RequestHandler } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import { problem } from './problems.js';

/** Lets only those pass who send the token. Compares hashes in constant time, so that neither the token nor its length
 *  can be measured. */
export function authorize(token: string): RequestHandler {
  const expected = digest(token);
  return (req, _res, next) => {
    const [, sent = ''] = /^Bearer +(\S+) *$/i.exec(req.get('authorization') ?? '') ?? [];
    if (!timingSafeEqual(digest(sent), expected)) {
      throw problem('request.unauthorized', { headers: { 'WWW-Authenticate': 'Bearer' } });
    }
    next();
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest();
