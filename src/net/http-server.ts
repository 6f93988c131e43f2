import type { RequestListener, Server } from 'node:http';
import { http } from './node-http.js';

/** Limits for the clients of a server. Times in milliseconds. */
export interface ServerLimits {
  /** Until the headers of a request are complete. */
  headersTimeout: number;
  /** Until a whole request is received, including its body. */
  requestTimeout: number;
  /** Without a byte in either direction. */
  idleTimeout: number;
  /** Further connections are closed without a response. */
  maxConnections: number;
  /** Requests after which a connection is closed. */
  maxRequestsPerSocket: number;
  /** Maximum number of header lines of a request. With more, or more than `maxHeaderBytes`, it is answered with 431. */
  maxHeaders: number;
  maxHeaderBytes: number;
}

const DEFAULTS: ServerLimits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  idleTimeout: 120_000,
  maxConnections: 1_000,
  maxRequestsPerSocket: 10_000,
  maxHeaders: 100,
  maxHeaderBytes: 16_384,
};

/** Interval at which Node.js checks for slow connections. */
const CHECK_INTERVAL_MS = 5_000;

/** Creates an HTTP server with limits for its clients: a slow request is answered with 408 and its connection
 *  closed. The caller calls `listen`. */
export function createHttpServer(listener: RequestListener, limits: Partial<ServerLimits> = {}): Server {
  const {
    headersTimeout,
    requestTimeout,
    idleTimeout,
    maxConnections,
    maxRequestsPerSocket,
    maxHeaders,
    maxHeaderBytes,
  } = { ...DEFAULTS, ...limits };
  const options = {
    headersTimeout,
    requestTimeout,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, headersTimeout / 2),
    maxHeaderSize: maxHeaderBytes,
  };
  const server = http.createServer(options, (request, response) => {
    if (request.rawHeaders.length / 2 <= maxHeaders) listener(request, response);
    else response.writeHead(431, { connection: 'close' }).end();
  });
  server.maxHeadersCount = 0; // Node.js would silently drop headers over its limit, for example an Idempotency-Key
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = maxRequestsPerSocket;
  server.timeout = idleTimeout;
  return server;
}
