import type { IncomingMessage } from 'node:http';
import { isLoopback } from './loopback.js';

/**
 * Returns why a server without a token must refuse a request; undefined if it may be accepted. Listening on loopback
 * does not exclude web pages in a browser on this machine: a page of another site can send requests, and one whose name
 * resolves to loopback (DNS rebinding) can also read the responses. Therefore the Host must be a loopback name, and the
 * Origin, which browsers send with every modifying request, must match the Host or one of `origins`.
 */
export function foreignRequest(
  { headers: { host = '', origin } }: Pick<IncomingMessage, 'headers'>,
  origins: readonly string[] = [],
): string | undefined {
  if (!isLoopback(host.replace(/:\d{1,5}$/, ''))) return 'The Host is not a loopback name';
  if (origin === undefined || origin === `http://${host}` || origins.includes(origin)) return undefined;
  return 'The Origin is another site';
}
