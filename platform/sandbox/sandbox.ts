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

/** What the sandbox needs of a logger; the library's has it. */
export interface SandboxLogger {
  info(message: string, fields?: object): unknown;
  error(message: string, fields?: object): unknown;
}

export interface SandboxOptions {
  /** @default '127.0.0.1' */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** 0 takes a free one. */
  smtpPort: number;
  /** Where ledger, keys, shipments and mails are kept. */
  dataDir: string;
  /** Asked for by everything but /livez and /readyz: as a bearer token or password over HTTP, as password over SMTP. */
  token?: string;
  /** `none`: mail is accepted without the token, which then protects only the reading of it. @default 'required' */
  smtpLogin?: 'required' | 'none';
  logger: SandboxLogger;
  limits?: Partial<ServerLimits>;
  /** How long a charge takes, in milliseconds. @default 0 */
  chargeDelay?: number;
  /** Closes the sandbox when it aborts. */
  signal?: AbortSignal;
}

export interface Sandbox {
  /** Where gateway, carrier and mailbox answer: `http://127.0.0.1:3001`. */
  url: string;
  /** Where mails are taken: `smtp://127.0.0.1:3025`. */
  smtpUrl: string;
  /** Resolves when nothing listens any more and all is on disk. Held connections are cut. May be called again. */
  close(): Promise<void>;
}

/** Starts the outside world of development: a payment gateway, a carrier and a mailbox. Resolves when all of it can be
 *  used. Whatever it answered with success survives `kill -9`. Rejects with code EADDRINUSE, naming the port, when a
 *  port is taken; then nothing is left open. */
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
    res.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }); // mails and shipments are personal
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
    if (ready) failed(error); // before that it is what `listen` rejects with
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
