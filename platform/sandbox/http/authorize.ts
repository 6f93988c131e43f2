import type { RequestHandler } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import { Problem } from './problem.js';

/** Whether the text is the token; takes the same time for every wrong one. */
export function isToken(sent: string, token: string): boolean {
  return timingSafeEqual(digest(sent), digest(token));
}

/** Accepts only requests with the token, as a bearer token or as the password of any user, so that the URL of the
 *  gateway can contain it (`http://sandbox:<token>@host`). */
export function authorize(token: string): RequestHandler {
  return (req, res, next) => {
    const [, scheme = '', sent = ''] = /^(Bearer|Basic) +(\S+) *$/i.exec(req.get('authorization') ?? '') ?? [];
    const isBasic = scheme.toLowerCase() === 'basic';
    if (!isToken(isBasic ? passwordOf(sent) : sent, token)) {
      res.set('WWW-Authenticate', 'Bearer, Basic');
      throw new Problem(401, 'unauthorized', 'Send the token');
    }
    next();
  };
}

function passwordOf(credentials: string): string {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}

const digest = (text: string) => createHash('sha256').update(text).digest();
