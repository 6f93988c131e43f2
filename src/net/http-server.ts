import { createServer, type RequestListener, type Server } from 'node:http';

/** What a client may cost a server. Times in milliseconds. */
export interface ServerLimits {
  /** Until the headers of a request are complete. */
  headersTimeout: number;
  /** Until a whole request is received, with its body. */
  requestTimeout: number;
  /** Without a byte in either direction. */
  idleTimeout: number;
  /** One more is closed unanswered. */
  maxConnections: number;
  /** Requests after which a connection is closed. */
  maxRequestsPerSocket: number;
  /** Header lines of a request, all of them at most `maxHeaderBytes`; more is answered 431. */
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

/** Node.js looks for connections that are too slow only now and then: at most this often. */
const CHECK_INTERVAL_MS = 1_000;

/** Creates an HTTP server whose clients are bounded: a slow request is answered 408 and its connection closed. The caller
 *  lets it listen. */
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
  const server = createServer(options, (request, response) => {
    if (request.rawHeaders.length / 2 <= maxHeaders) listener(request, response);
    else response.writeHead(431, { connection: 'close' }).end();
  });
  server.maxHeadersCount = 0; // Node.js would drop what is over its limit without a word, an Idempotency-Key for instance
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = maxRequestsPerSocket;
  server.timeout = idleTimeout;
  return server;
}
