import { PermanentError } from 'flotilla';
import { isLoopback } from 'flotilla/http';
import type { Mail } from './templates.js';

export interface Recipient {
  name: string;
  email: string;
}

export interface Mailer {
  /** Resolves when the server has accepted the mail. Rejects with a `PermanentError` if it refuses it permanently
   *  (5xx). */
  send: (to: Recipient, mail: Mail, messageId: string) => Promise<void>;
  close: () => void;
}

/** Without a response within this time, in milliseconds, the server counts as unavailable; below the time limit of a
 *  handler. */
const SMTP_TIMEOUT_MS = 10_000;

/** For a mail including its wait for a connection: while the server hangs, each connection of the pool is busy for
 *  `SMTP_TIMEOUT_MS`. Below the time limit of a handler. */
const SEND_TIMEOUT_MS = 20_000;

/** Sends mails to the SMTP server at `smtpUrl` over a small pool of connections. Connects at the first mail. */
export async function createMailer(
  { smtpUrl, mailFrom }: { smtpUrl: string; mailFrom: string },
  sendTimeout = SEND_TIMEOUT_MS,
): Promise<Mailer> {
  // every process of the fleet imports this module; only this worker needs the package
  const { default: nodemailer } = await import('nodemailer');
  const { protocol, hostname, port, username, password } = new URL(smtpUrl);
  const secure = protocol === 'smtps:';
  // credentials are never sent unencrypted to another machine, even if an attacker modifies the greeting of the server
  const requireTLS = username !== '' && !secure && !isLoopback(hostname);
  const serverPort = port === '' ? (secure ? 465 : 587) : Number(port);
  const server = `${hostname}:${serverPort}`;
  const transport = nodemailer.createTransport({
    pool: true,
    maxConnections: 5,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: serverPort,
    secure,
    requireTLS,
    ...(username !== '' && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    send: async ({ name, email }, { subject, text }, messageId) => {
      try {
        // as an object, the address is used literally and not parsed as a list
        const mail = { from: mailFrom, to: { name, address: email }, subject, text, messageId };
        await withTimeout(transport.sendMail(mail), sendTimeout);
      } catch (error) {
        throw requireTLS && isWithoutTls(error) ? new TlsRequired(hostname) : failureOf(error, server);
      }
    },
    close: () => transport.close(),
  };
}

/** Rejects with the code ETIMEDOUT after `limit` milliseconds. A mail that is sent later has the Message-ID of its
 *  retry, so that it appears once in the mailbox. */
async function withTimeout(sending: Promise<unknown>, limit: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error(`no answer within ${limit} ms`), { code: 'ETIMEDOUT' });
    timer = setTimeout(() => reject(error), limit);
  });
  try {
    await Promise.race([sending, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The connection could not be encrypted, so the credentials were not sent. */
class TlsRequired extends Error {
  override readonly name = 'TlsRequired';
  readonly code = 'smtp.tls_required';

  constructor(host: string) {
    super(
      `smtp.tls_required: no encrypted connection to ${host} (STARTTLS is missing or fails), and SMTP_URL has a login; use a server with STARTTLS, smtps://, or no login`,
    );
  }
}

function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ETLS';
}

/** The error of a mail. The text of the server is omitted: it contains recipients, and may quote the mail. */
function failureOf(error: unknown, server: string): Error {
  const { code, responseCode, command, response } = error as Record<string, unknown>;
  const status = typeof responseCode === 'number' ? responseCode : undefined;
  const enhanced =
    typeof response === 'string' ? /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] : undefined;
  const facts = [status, enhanced, wordOf(code), wordOf(command)].filter((fact) => fact !== undefined).join(' ');
  // refuses this mail, and would refuse it again; wrong credentials (EAUTH) must be corrected by an operator
  return status !== undefined && status >= 500 && code !== 'EAUTH'
    ? new PermanentError('email.refused', `The mail server ${server} refused the mail: ${facts}`)
    : new MailError(`The mail server ${server} failed${facts === '' ? '' : `: ${facts}`}`);
}

/** A failure after which the mail is retried. */
class MailError extends Error {
  override readonly name = 'MailError';
  readonly code = 'smtp.failed';
}

/** A code of Node.js or nodemailer, or an SMTP command: `ECONNREFUSED`, `RCPT TO`. */
function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Z][A-Z_ ]{0,30}$/.test(value) ? value : undefined;
}

/** Whether the server is unavailable or temporarily refuses mail: a 4xx response, or refused credentials. */
export function meansNoServer(error: unknown): boolean {
  return error instanceof Error && !(error instanceof PermanentError);
}
