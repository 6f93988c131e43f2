import type { RequestHandler } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import { problem } from '../problems/problems.js';

/** Accepts only requests with one of the tokens. Compares hashes in constant time, so that timing reveals neither the
 *  token nor its length. */
export function authorize(...tokens: readonly string[]): RequestHandler {
  return requireToken(tokens, ['Bearer'], bearerToken);
}

/** Accepts the token also as the password of Basic authentication (RFC 7617), which a browser asks for; any user name
 *  will do. For documents only: a browser sends this password with every request to the API, including those that pages
 *  of other sites cause. */
export function authorizeBrowser(...tokens: readonly string[]): RequestHandler {
  // two header lines: Chromium ignores a challenge behind a comma
  const challenges = [
    'Bearer',
    'Basic realm="Flotilla: any user name, with API_TOKEN as the password", charset="UTF-8"',
  ];
  return requireToken(tokens, challenges, (header) => bearerToken(header) ?? basicPassword(header));
}

function requireToken(
  tokens: readonly string[],
  challenges: string[],
  tokenIn: (header: string) => string | undefined,
): RequestHandler {
  const expected = tokens.map(digest);
  return (req, res, next) => {
    const given = digest(tokenIn(req.get('authorization') ?? '') ?? '');
    if (!expected.some((each) => timingSafeEqual(given, each))) {
      res.set('WWW-Authenticate', challenges);
      throw problem('request.unauthorized');
    }
    next();
  };
}

function bearerToken(header: string): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header)?.[1];
}

function basicPassword(header: string): string | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const login = Buffer.from(encoded, 'base64').toString();
  return login.slice(login.indexOf(':') + 1);
}

const digest = (text: string) => createHash('sha256').update(text).digest();
