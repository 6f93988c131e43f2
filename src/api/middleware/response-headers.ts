import type { RequestHandler } from 'express';
import { packages } from '../../packages.js';

/** The headers of every response. `no-store`, because responses contain personal data, which no cache may store (RFC
 *  9111 §5.2.2.5); a client that stores an ETag itself still receives 304. HSTS only if the request arrived over TLS,
 *  directly or through a trusted proxy: RFC 6797 §7.2 forbids it otherwise. */
export function responseHeaders(): RequestHandler[] {
  const { helmet } = packages;
  const overTls = helmet.strictTransportSecurity();
  return [
    helmet({ strictTransportSecurity: false }),
    (req, res, next) => {
      res.set('Cache-Control', 'no-store');
      if (req.secure) overTls(req, res, next);
      else next();
    },
  ];
}
