import { expect } from 'chai';
import dns from 'node:dns';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { boundedFetch } from '../../src/net/bounded-fetch.js';

const limits = { timeout: 30_000, maxBytes: 64 * 1024 };

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('It was not rejected');
    },
    (error: unknown) => error,
  );

describe('boundedFetch', () => {
  const servers: Server[] = [];
  const serve = async (listener: RequestListener) => {
    const server = createServer(listener);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  it('returns status, media type and text of a response', async () => {
    const url = await serve((req, res) => {
      res.writeHead(409, { 'content-type': 'Application/Problem+JSON; charset=utf-8' });
      res.end(`${req.method} ${req.headers['accept-encoding']} ü`);
    });
    expect(await boundedFetch(url, { ...limits, method: 'DELETE' })).to.deep.equal({
      status: 409,
      mediaType: 'application/problem+json',
      text: 'DELETE identity ü',
    });
  });

  it('sends the body of any method', async () => {
    const url = await serve((req, res) => req.pipe(res));
    for (const method of ['POST', 'DELETE']) {
      expect(await boundedFetch(url, { ...limits, method, body: 'ü' })).to.have.property('text', 'ü');
    }
  });

  it('uses one connection for successive requests', async () => {
    const ports = new Set<number | undefined>();
    const url = await serve((req, res) => {
      ports.add(req.socket.remotePort);
      res.end('{}');
    });
    for (let request = 0; request < 3; request += 1) await boundedFetch(url, limits);
    expect(ports.size).to.equal(1);
  });

  it('rejects with the reason of an aborted signal', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const url = await serve(() => stop.abort(reason));
    expect(await rejection(boundedFetch(url, { ...limits, signal: stop.signal }))).to.equal(reason);
    expect(await rejection(boundedFetch(url, { ...limits, signal: stop.signal }))).to.equal(reason);
  });

  it('reports why a name with several addresses cannot be reached', async () => {
    const { port } = new URL(await serve(() => undefined));
    servers[0]?.close();
    const { lookup } = dns;
    const addresses = [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ];
    const both = (_name: string, _options: object, done: (error: null, found: object[]) => void) =>
      done(null, addresses);
    dns.lookup = both as typeof lookup;
    try {
      const error = await rejection(boundedFetch(`http://service.test:${port}`, limits));
      expect(error)
        .to.have.property('message')
        .that.matches(/^connect E.+/);
    } finally {
      dns.lookup = lookup;
    }
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`returns a ${status} without following it`, async () => {
      const received: string[] = [];
      const target = await serve((req, res) => {
        received.push(req.url ?? '');
        res.end('{}');
      });
      const url = await serve((_req, res) => res.writeHead(status, { location: `${target}/stolen` }).end());
      const headers = { authorization: 'Basic c2VjcmV0' };
      const answer = await boundedFetch(url, { ...limits, method: 'POST', headers, body: '{"token":"tok"}' });
      expect(answer.status).to.equal(status);
      expect(received).to.deep.equal([]);
    });
  }

  it('rejects a compressed response without decompressing it', async () => {
    const member = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const bomb = Buffer.concat(Array.from({ length: 16 }, () => member)); // 1 GiB when decompressed
    const url = await serve((_req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    const before = process.memoryUsage.rss();
    expect(await rejection(boundedFetch(url, limits))).to.have.property('code', 'http.bad_answer');
    expect(process.memoryUsage.rss() - before).to.be.below(100 * 1024 * 1024);
  });

  it('stops reading a response at the size limit, and closes the connection', async () => {
    let closed: Promise<unknown> | undefined;
    const url = await serve((_req, res) => {
      closed = once(res, 'close');
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(16 * 1024)));
      };
      res.on('drain', more);
      more();
    });
    expect(await rejection(boundedFetch(url, limits))).to.have.property('code', 'http.bad_answer');
    await closed;
  });

  it('accepts a response of exactly the limit', async () => {
    const url = await serve((_req, res) => res.end('x'.repeat(limits.maxBytes)));
    expect((await boundedFetch(url, limits)).text).to.have.length(limits.maxBytes);
  });

  for (const part of ['headers', 'body']) {
    it(`counts the ${part} of a response against the time limit`, async () => {
      const url = await serve((_req, res) => {
        if (part === 'body') res.writeHead(200).write('{');
      });
      expect(await rejection(boundedFetch(url, { ...limits, timeout: 200 }))).to.have.property('name', 'TimeoutError');
    });
  }
});
