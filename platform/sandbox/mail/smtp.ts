import { randomUUID } from 'node:crypto';
import PostalMime from 'postal-mime';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { isToken } from '../http/authorize.js';
import type { Mailbox } from './mailbox.js';

/** The largest mail, in bytes. */
const MAX_MAIL_BYTES = 1024 * 1024;
const MAX_CLIENTS = 100;
/** How long a closing server waits for mails in flight, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1000;

/** Not a failure of the sandbox: the mail is refused with this SMTP status. */
class MailRefused extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, message: string) {
    super(message);
    this.responseCode = responseCode;
  }
}

/** An SMTP server that accepts mail for every recipient; with a token, only from clients that send it as their
 *  password. Responds with 250 when the mail is in the mailbox, on disk. */
export function createSmtpServer(
  mailbox: Mailbox,
  { token, failed }: { token: string | undefined; failed: (error: unknown) => void },
): SMTPServer {
  return new SMTPServer({
    authOptional: token === undefined,
    allowInsecureAuth: true,
    disabledCommands: token === undefined ? ['AUTH', 'STARTTLS'] : ['STARTTLS'],
    onAuth({ username, password }, _session, done) {
      if (token !== undefined && isToken(password ?? '', token)) done(null, { user: username ?? 'sandbox' });
      else done(new MailRefused(535, 'Send the token as password'));
    },
    disableReverseLookup: true,
    size: MAX_MAIL_BYTES,
    maxClients: MAX_CLIENTS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    logger: false,
    onData(stream, session, done) {
      receive(mailbox, stream, session).then(
        () => done(),
        (error: unknown) => {
          if (error instanceof MailRefused) {
            done(error);
            return;
          }
          failed(error);
          done(new MailRefused(451, 'The mail could not be kept; try again'));
        },
      );
    },
  });
}

async function receive(mailbox: Mailbox, stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
  const mail = await PostalMime.parse(await readMail(stream));
  const { mailFrom, rcptTo } = session.envelope;
  mailbox.keep({
    messageId: mail.messageId ?? `<${randomUUID()}@sandbox>`,
    from: mail.from?.address ?? (mailFrom === false ? '' : mailFrom.address),
    recipients: rcptTo.map(({ address }) => address),
    subject: mail.subject ?? '',
    text: mail.text ?? mail.html ?? '',
  });
}

/** Reads a whole mail. SMTP requires reading a mail that is too large to its end, but it is not kept in memory. */
async function readMail(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes <= MAX_MAIL_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (bytes > MAX_MAIL_BYTES) throw new MailRefused(552, `The mail is larger than ${MAX_MAIL_BYTES} bytes`);
  return Buffer.concat(chunks);
}
