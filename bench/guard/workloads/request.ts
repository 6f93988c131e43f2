import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createApi } from '../../../src/api/app.js';
import { createHttpServer } from '../../../src/net/http-server.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { createLogger } from '../../../src/telemetry/logger.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { routes } from '../../../platform/routes.js';
import { mark, type Workload } from './workload.js';

const CONNECTIONS = 20;
/** Valgrind makes a process fifty times slower. */
const NO_LIMIT_MS = 3_600_000;

/** Places orders on a server in this process, over its sockets. The client only writes bytes and waits for the next
 *  chunk, because its instructions are in the count. */
export const request: Workload = async ({ block, blocks }, folder) => {
  const store = await openSqliteStore({ service: 'core', path: `${folder}/core.db` });
  const app = await createApi({
    store,
    // others would only make the start longer
    routes: routes({ fulfilment: 'orchestrated' }).filter(({ path }) => path === '/users' || path === '/orders'),
    logger: createLogger(),
    metrics: createMetrics(),
    limits: { requestTimeout: NO_LIMIT_MS },
  });
  const limits = { headersTimeout: NO_LIMIT_MS, requestTimeout: NO_LIMIT_MS, idleTimeout: NO_LIMIT_MS };
  const server = createHttpServer(app, limits);
  server.keepAliveTimeout = NO_LIMIT_MS;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets = Array.from({ length: CONNECTIONS }, () => connect({ port, host: '127.0.0.1', noDelay: true }));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));

  const [first] = sockets;
  if (first === undefined) return;
  const created = await exchange(first, requestOf('/users', port, { name: 'Ada', email: 'ada@example.org' }));
  const { id } = JSON.parse(created.slice(created.indexOf('\r\n\r\n'))) as { id: string };
  const order = requestOf('/orders', port, {
    userId: id,
    currency: 'USD',
    items: [
      { sku: 'item_1', quantity: 1, unitPrice: 1999 },
      { sku: 'item_2', quantity: 3, unitPrice: 250 },
    ],
    payment: { token: 'tok_ok' },
    shippingAddress: { name: 'Ada', line1: '1 Engine Street', city: 'London', postalCode: 'N1', country: 'GB' },
  });
  for (let sent = CONNECTIONS; sent <= block * blocks; sent += CONNECTIONS) {
    await Promise.all(sockets.map((socket) => exchange(socket, order)));
    if (sent % block === 0) mark();
  }
};

function requestOf(path: string, port: number, body: object): Buffer {
  const text = JSON.stringify(body);
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** Resolves with the response, which arrives as one chunk. Throws unless it is 201. */
async function exchange(socket: Socket, bytes: Buffer): Promise<string> {
  const response = new Promise<Buffer>((resolve, reject) => {
    socket
      .once('data', resolve)
      .once('error', reject)
      .once('close', () => reject(new Error('connection closed')));
  });
  socket.write(bytes);
  const text = (await response).toString();
  if (!text.startsWith('HTTP/1.1 201')) throw new Error(text);
  return text;
}
