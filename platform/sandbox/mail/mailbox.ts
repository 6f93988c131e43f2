import { Router } from 'express';
import { z } from 'zod';
import type { SandboxDatabase } from '../database.js';
import { parse } from '../http/problem.js';

/** Maximum number of mails in the mailbox: the latest. */
const MAX_MAILS = 1000;
/** Older mails are removed once for so many new ones, so that few mails wait for it. */
const TRIM_EVERY = 100;

export interface ReceivedMail {
  messageId: string;
  from: string;
  /** All recipients of the SMTP envelope, including those that are not in the headers. */
  recipients: readonly string[];
  subject: string;
  text: string;
}

interface MailRow {
  messageId: string;
  from: string;
  to: string;
  subject: string;
  text: string;
  receivedAt: string;
  deliveries: number;
}

/** Stores the accepted mails. A repeated mail with the same Message-ID is stored once and counted. */
export function createMailbox(db: SandboxDatabase) {
  const upsert = db.prepare<unknown[], { seq: number }>(
    `INSERT INTO mails (message_id, sender, subject, text, received_at, deliveries)
     VALUES (@messageId, @from, @subject, @text, @receivedAt, 1)
     ON CONFLICT (message_id) DO UPDATE SET deliveries = deliveries + 1 RETURNING seq`,
  );
  const addRecipient = db.prepare<[number, string]>(
    'INSERT INTO mail_recipients (mail, address) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const trim = db.prepare<[number]>(
    'DELETE FROM mails WHERE seq <= (SELECT seq FROM mails ORDER BY seq DESC LIMIT 1 OFFSET ?)',
  );
  const list = db.prepare<{ to: string | null; limit: number }, MailRow>(
    `SELECT message_id AS "messageId", sender AS "from",
       (SELECT group_concat(address, ', ') FROM mail_recipients WHERE mail = seq) AS "to",
       subject, text, received_at AS "receivedAt", deliveries
     FROM mails
     WHERE @to IS NULL OR EXISTS (SELECT 1 FROM mail_recipients WHERE mail = seq AND address = @to)
     ORDER BY seq DESC LIMIT @limit`,
  );
  const clear = db.prepare('DELETE FROM mails');

  const keep = db.transaction(({ messageId, from, recipients, subject, text }: ReceivedMail) => {
    const row = upsert.get({ messageId, from, subject, text, receivedAt: new Date().toISOString() });
    if (row === undefined) return;
    for (const address of recipients) addRecipient.run(row.seq, address.toLowerCase());
    if (row.seq % TRIM_EVERY === 0) trim.run(MAX_MAILS);
  });

  return {
    /** Returns when the mail is on disk. */
    keep: (mail: ReceivedMail) => keep.immediate(mail),
    /** Newest first. */
    list: (to: string | undefined, limit: number) => list.all({ to: to?.toLowerCase() ?? null, limit }),
    clear: () => clear.run().changes,
  };
}

export type Mailbox = ReturnType<typeof createMailbox>;

const listQuery = z.object({
  to: z.string().min(1).max(320).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_MAILS).default(MAX_MAILS),
});

/** The HTTP interface of the mailbox, for browsers and tests. */
export function mailboxRoutes(mailbox: Mailbox): Router {
  const routes = Router();
  routes.get('/', (req, res) => {
    const { to, limit } = parse(listQuery, req.query);
    res.json({ items: mailbox.list(to, limit) });
  });
  routes.delete('/', (_req, res) => {
    res.json({ deleted: mailbox.clear() });
  });
  return routes;
}
