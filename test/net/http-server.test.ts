import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createApi } from '../../src/api/app.js';
import { serveApi } from '../../src/api/server.js';
import { createHttpServer, type ServerLimits } from '../../src/net/http-server.js';
import { openMemoryStore } from '../../src/store/memory/index.js';
import { startHealthServer } from '../../src/telemetry/health-server.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { routes } from '../api/support/routes.js';
import { temporaryDirectory } from '../platform/sandbox/support/start.js';

/** Timeouts short enough for a test; other tests keep the defaults, which a slow machine does not reach. */
const SHORT: Partial<ServerLimits> = { headersTimeout: 200, requestTimeout: 400 };

/** Sends text over a new connection, and resolves with the received text when the server closes it. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(text);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return answer;
}

interface Served {
  port: number;
  close: () => Promise<unknown>;
}

/** Each server of a fleet. */
const servers: Record<string, (limits: Partial<ServerLimits>) => Promise<Served>> = {
  async api(limits) {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    const app = await createApi({ store, routes, logger: silentLogger(), metrics: createMetrics() });
    const server = await serveApi(app, { port: 0, limits });
    return { port: server.port, close: () => server.close(0).then(() => store.close()) };
  },
  async health(limits) {
    const metrics = createMetrics();
    const server = await startHealthServer({ host: '127.0.0.1', port: 0, metrics, checks: {}, limits });
    return { port: Number(new URL(server.url).port), close: () => server.close() };
  },
  async sandbox(limits) {
    const directory = await temporaryDirectory();
    const sandbox = await directory.start({ limits });
    return {
      port: Number(new URL(sandbox.url).port),
      close: () => directory.remove(),
    };
  },
};

for (const [name, start] of Object.entries(servers)) {
  describe(`the HTTP server of the ${name}`, () => {
    let served: Served;
    const serve = async (limits: Partial<ServerLimits> = {}) => (served = await start(limits));
    afterEach(() => served.close());

    it('closes a connection whose headers arrive too slowly', async () => {
      await serve(SHORT);
      const answer = await exchange(served.port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
      expect(answer).to.match(/^HTTP\/1\.1 408 /);
    });

    it('closes a connection whose body arrives too slowly', async () => {
      await serve(SHORT);
      const head = 'POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100';
      const answer = await exchange(served.port, `${head}\r\n\r\n{"text":`);
      // a server that does not read bodies has responded by then
      expect(answer).to.match(/^HTTP\/1\.1 (408|405|404) /);
    });

    it('limits the number of connections', async () => {
      await serve({ maxConnections: 2 });
      const sockets: Socket[] = [];
      try {
        for (let count = 0; count < 2; count++) {
          const socket = connect(served.port, '127.0.0.1');
          sockets.push(socket);
          // a response proves that the server has accepted the connection
          socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
          await once(socket, 'data');
        }
        expect(await exchange(served.port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')).to.equal('');
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    });

    it('limits the number and the size of headers', async () => {
      await serve();
      const lines = Array.from({ length: 100 }, (_, index) => `X-${index}: 1\r\n`).join('');
      for (const headers of [lines, `X: ${'x'.repeat(17_000)}\r\n`]) {
        expect(await exchange(served.port, `GET /livez HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)).to.match(
          /^HTTP\/1\.1 431 /,
        );
      }
    });

    it('rejects a Host that is not a loopback name, and an Origin of another site, with 403', async () => {
      await serve();
      const metrics = name === 'sandbox' ? '/mailbox' : '/metrics';
      for (const headers of ['Host: rebound.example.org', 'Host: localhost\r\nOrigin: http://example.org']) {
        const answer = await exchange(
          served.port,
          `GET ${metrics} HTTP/1.1\r\n${headers}\r\nConnection: close\r\n\r\n`,
        );
        expect(answer).to.match(/^HTTP\/1\.1 403 /);
      }
      const own = await exchange(
        served.port,
        `GET ${metrics} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      expect(own)
        .to.match(/^HTTP\/1\.1 200 /)
        .and.match(/\r\nCache-Control: no-store\r\n/i);
    });
  });
}

describe('createHttpServer', () => {
  it('limits the number of requests per connection', async () => {
    const server = createHttpServer((_req, res) => res.end('ok'), { maxRequestsPerSocket: 2 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const requests =
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2) + 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const statuses = (await exchange(port, requests)).match(/(?<=HTTP\/1\.1 )\d{3}/g);
    expect(statuses).to.deep.equal(['200', '200', '503']);
    server.close();
  });

  it('closes an idle connection', async () => {
    const server = createHttpServer(() => undefined, { idleTimeout: 100 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).to.equal('');
    server.close();
  });
});
