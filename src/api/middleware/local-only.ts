import type { RequestHandler } from 'express';
import { foreignRequest } from '../../net/foreign-request.js';
import { problem } from '../problems/problems.js';

/** For an API without a token: see `foreignRequest`. */
export function localOnly(origins: readonly string[]): RequestHandler {
  return (req, _res, next) => {
    const reason = foreignRequest(req, origins);
    if (reason !== undefined) throw problem('request.foreign', { detail: reason });
    next();
  };
}
