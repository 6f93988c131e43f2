import type { RequestHandler } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import { problem } from '../problems/problems.js';

/** Accepts only requests with one of the tokens. Compares hashes in constant time, so that timing reveals neither the
 *  token nor its length. */
export function authorize(...tokens: readonly string[]): RequestHandler {
  const expected = tokens.map(digest);
  return (req, _res, next) => {
    const [, sent = ''] = /^Bearer +(\S+) *$/i.exec(req.get('authorization') ?? '') ?? [];
    const given = digest(sent);
    if (!expected.some((each) => timingSafeEqual(given, each))) {
      throw problem('request.unauthorized', { headers: { 'WWW-Authenticate': 'Bearer' } });
    }
    next();
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest();
