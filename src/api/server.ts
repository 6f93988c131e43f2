import type { RequestListener } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import { createHttpServer, type ServerLimits } from '../net/http-server.js';

/** The options of `serveApi`. */
export interface ServerOptions {
  /** @default '127.0.0.1' */
  host?: string;
  /** 0 selects a free port. */
  port: number;
  limits?: Partial<ServerLimits>;
}

/** A listening HTTP server. */
export interface ApiServer {
  url: string;
  port: number;
  /** Accepts no more requests, waits at most `grace` milliseconds (default 10,000) for those in flight, then closes the
   *  remaining connections. May be called more than once. */
  close(grace?: number): Promise<void>;
}

/** Serves an app over HTTP. Resolves when it is listening; rejects with the system's error, such as EADDRINUSE. */
export async function serveApi(
  app: RequestListener,
  { host = '127.0.0.1', port, limits }: ServerOptions,
): Promise<ApiServer> {
  const server = createHttpServer(app, limits);
  let closed: Promise<void> | undefined;
  server.on('request', (_req, res) => {
    res.once('close', () => {
      // otherwise a connection that was busy when the server closed would be kept alive
      if (closed !== undefined) setImmediate(() => server.closeIdleConnections());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${bound}`,
    port: bound,
    close(grace = 10_000) {
      closed ??= new Promise((resolve) => {
        const timer = setTimeout(() => {
          server.closeAllConnections();
        }, grace);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      return closed;
    },
  };
}
