import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** What every answer carries. `no-store`, because answers hold personal data, which no cache may keep (RFC 9111 §5.2.2.5);
 *  a client that keeps an ETag itself still gets its 304. HSTS only where the request came over TLS, directly or through a
 *  trusted proxy: RFC 6797 §7.2 forbids it elsewhere. */
export function responseHeaders(): RequestHandler[] {
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
