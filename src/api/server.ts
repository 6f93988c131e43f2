import type { RequestListener } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import { createHttpServer, type ServerLimits } from '../net/http-server.js';

export interface ServerOptions {
  /** @default '127.0.0.1' */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  limits?: Partial<ServerLimits>;
}

export interface ApiServer {
  url: string;
  port: number;
  /** Takes no more requests, lets those in flight finish for at most `grace` milliseconds (default 10,000), then cuts
   *  what is left. May be called again. */
  close(grace?: number): Promise<void>;
}

/** Serves an app over HTTP. Resolves when it can be reached; rejects with what the system says, such as EADDRINUSE. */
export async function serveApi(
  app: RequestListener,
  { host = '127.0.0.1', port, limits }: ServerOptions,
): Promise<ApiServer> {
  const server = createHttpServer(app, limits);
  let closed: Promise<void> | undefined;
  server.on('request', (_req, res) => {
    res.once('close', () => {
      // a connection that was busy when the server closed would otherwise be kept alive for the next request
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
