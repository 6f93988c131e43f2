import type { IncomingMessage } from 'node:http';
import { isLoopback } from './loopback.js';

/**
 * Why a server that asks for no token must refuse a request; undefined where it need not. Listening on loopback does not
 * keep out the pages that a browser of this machine shows: a page of another site can send requests here, and one whose
 * name resolves to loopback (DNS rebinding) can read the answers too. So the Host must be a loopback name, and an Origin,
 * which browsers send with every request that changes something, must be that of the Host or one of `origins`.
 */
export function foreignRequest(
  { headers: { host = '', origin } }: Pick<IncomingMessage, 'headers'>,
  origins: readonly string[] = [],
): string | undefined {
  if (!isLoopback(host.replace(/:\d{1,5}$/, ''))) return 'The Host is not a loopback name';
  if (origin === undefined || origin === `http://${host}` || origins.includes(origin)) return undefined;
  return 'The Origin is another site';
}
