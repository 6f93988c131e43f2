import type { RequestHandler } from 'express';
import { problem } from './problems.js';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/**
 * For an API without a token. Being reachable from this machine alone does not keep out the pages that its browser
 * shows: a page of another site may post here, and one whose name resolves to loopback (DNS rebinding) may read too. So
 * the Host must be a loopback name, and an Origin, which browsers send with every such request, that of the Host.
 */
export const localOnly: RequestHandler = (req, _res, next) => {
  const host = req.get('host') ?? '';
  const origin = req.get('origin');
  if (!LOOPBACK.test(host)) throw problem('request.foreign', { detail: 'The Host is no loopback name' });
  if (origin !== undefined && origin !== `http://${host}`) {
    throw problem('request.foreign', { detail: 'The Origin is another site' });
  }
  next();
};
