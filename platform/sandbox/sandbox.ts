import express, { type RequestHandler } from 'express';
import { createHttpServer, foreignRequest, type ServerLimits } from 'flotilla/http';
import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import type { SMTPServer } from 'smtp-server';
import { authorize } from './http/authorize.js';
import { carrierRoutes } from './carrier.js';
import { openDatabase } from './database.js';
import { gatewayRoutes } from './payment/gateway.js';
import { listen } from './http/listen.js';
import { createMailbox, mailboxRoutes } from './mail/mailbox.js';
import { Problem, problemHandler } from './http/problem.js';
import { createIdempotentRequests } from './http/idempotent-requests.js';
import { createSmtpServer } from './mail/smtp.js';

/** The part of a logger that the sandbox uses. */
export interface SandboxLogger {
  info(message: string, fields?: object): unknown;
  error(message: string, fields?: object): unknown;
}

export interface SandboxOptions {
  /** @default '127.0.0.1' */
  host?: string;
  /** 0 selects a free port. */
  port: number;
  /** 0 selects a free port. */
  smtpPort: number;
  /** The directory of the ledger, keys, shipments and mails. */
  dataDir: string;
  /** Required by every endpoint except /livez and /readyz: as a bearer token or password over HTTP, as the password
   *  over SMTP. */
  token?: string;
  /** `none`: mail is accepted without the token, which then only protects reading. @default 'required' */
  smtpLogin?: 'required' | 'none';
  logger: SandboxLogger;
  limits?: Partial<ServerLimits>;
  /** Duration of a charge, in milliseconds. @default 0 */
  chargeDelay?: number;
  /** Closes the sandbox when it aborts. */
  signal?: AbortSignal;
}

export interface Sandbox {
  /** The URL of gateway, carrier and mailbox: `http://127.0.0.1:3001`. */
  url: string;
  /** The URL of the SMTP server: `smtp://127.0.0.1:3025`. */
  smtpUrl: string;
  /** Resolves when all servers are closed and all data is on disk. Pending connections are closed. May be called more
   *  than once. */
  close(): Promise<void>;
}

/** Starts the external services for development: a payment gateway, a carrier and a mailbox. Resolves when all of them
 *  are ready. Every successful response survives `kill -9`. Rejects with the code EADDRINUSE and the port if a port is
 *  taken; all servers are then closed. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { host = '127.0.0.1', port, smtpPort, dataDir, token, logger, chargeDelay = 0, signal } = options;
  signal?.throwIfAborted();
  const failed = (error: unknown) => {
    logger.error('The sandbox failed', { error: error instanceof Error ? error.stack : String(error) });
  };
  const closing = new AbortController();
  const db = openDatabase(dataDir);
  const mailbox = createMailbox(db);
  const requests = createIdempotentRequests(db);

  const app = express();
  app.disable('x-powered-by');
  app.use((_req, res, next) => {
    res.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }); // responses are personal data
    next();
  });
  app.get(['/livez', '/readyz'], (_req, res) => {
    res.json({ status: 'ok' });
  });
  app.use(token === undefined ? localOnly : authorize(token));
  app.use('/gateway', gatewayRoutes({ db, requests, chargeDelay, closing: closing.signal }));
  app.use('/carrier', carrierRoutes({ db, requests }));
  app.use('/mailbox', mailboxRoutes(mailbox));
  app.use(() => {
    throw new Problem(404, 'not_found', 'The sandbox has no such route');
  });
  app.use(
    problemHandler((error) => {
      if (!closing.signal.aborted) failed(error);
    }),
  );

  const http = createHttpServer(app, options.limits);
  const smtp = createSmtpServer(mailbox, { token: options.smtpLogin === 'none' ? undefined : token, failed });
  let ready = false;
  smtp.on('error', (error) => {
    if (ready) failed(error); // an earlier error is the rejection of `listen`
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      closing.abort();
      signal?.removeEventListener('abort', onAbort);
      await Promise.all([closeHttp(http), closeSmtp(smtp)]);
      db.close();
    })();
    return closed;
  };
  const onAbort = () => void close().catch(failed);

  try {
    const httpPort = await listen(http, 'http', host, port);
    const mailPort = await listen(smtp.server, 'smtp', host, smtpPort);
    ready = true;
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    const name = isIPv6(host) ? `[${host}]` : host;
    const sandbox = { url: `http://${name}:${httpPort}`, smtpUrl: `smtp://${name}:${mailPort}` };
    logger.info('Sandbox ready', { url: sandbox.url, 'flotilla.smtp_url': sandbox.smtpUrl });
    return { ...sandbox, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** For a sandbox without a token: see `foreignRequest`. */
const localOnly: RequestHandler = (req, _res, next) => {
  const reason = foreignRequest(req);
  if (reason !== undefined) throw new Problem(403, 'foreign', reason);
  next();
};

function closeHttp(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function closeSmtp(server: SMTPServer): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
