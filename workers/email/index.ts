import type { EventEnvelope, Sql } from 'flotilla';
import { z } from 'zod';
import { defineWorker } from '#platform/catalogue.js';
import { createMailer, meansNoServer, type Recipient } from './mailer.js';
import { orderConfirmation, statusUpdate, welcome } from './templates.js';

const smtpCall = { sideEffect: true, unavailable: meansNoServer };

/** Sends mails to customers: a welcome, a confirmation of each order, and a notification of each new status unless the
 *  customer's preferences exclude it. The Message-ID is derived from the event, or from the order and its status, so
 *  that a mail that is sent twice appears once in the mailbox. A replay only restores the users and their
 *  notifications, unless it runs with side effects. */
export default defineWorker({
  name: 'email',
  settings: z.object({
    smtpUrl: z.url({ protocol: /^smtps?$/ }).describe('URL of the mail server.'),
    mailFrom: z
      .string()
      .max(320)
      .regex(
        /^([^<>@]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
        "must be an address, such as 'Shop <shop@example.org>'",
      )
      .default('Flotilla <no-reply@flotilla.local>')
      .describe('Sender of the mails.'),
  }),
  setup: async ({ settings }) => ({ mailer: await createMailer(settings) }),
  teardown: ({ mailer }) => mailer.close(),
  migrations: [
    {
      name: 'users and told statuses',
      sql: `
        create table users (id text primary key, name text not null, email text not null);
        create table told (order_id text not null, status text not null, primary key (order_id, status));
      `,
    },
    {
      name: 'preferences',
      sql: 'alter table users add column status_emails integer not null default 1;',
    },
  ],
  emits: ['email.sent', 'email.send_welcome'],
  cycles: [{ types: ['email.send_welcome'], reason: 'Only user.created causes it.' }],
  replay: 'idempotent',
  on: {
    // State first: the writes of a handler are committed only when all of it succeeds. If this handler also sent the
    // mail, a refused welcome would leave the user unknown, and every later mail to that user would fail.
    'user.created': ({ data: { userId, name, email, preferences } }, ctx) => {
      ctx.write(async ({ sql }) => {
        await sql`
          insert into users (id, name, email, status_emails)
          values (${userId}, ${name}, ${email}, ${preferences.statusEmails ? 1 : 0}) on conflict (id) do nothing`;
      });
      if (ctx.sideEffects) ctx.emit('email.send_welcome', { userId });
    },

    'email.send_welcome': async (event, ctx) => {
      if (!ctx.sideEffects) return;
      const { userId } = event.data;
      const { recipient } = await userOf(ctx.query, userId);
      const mail = welcome(recipient.name);
      const messageId = messageIdOf(event);
      await ctx.call('smtp', () => ctx.use.mailer.send(recipient, mail, messageId), smtpCall);
      ctx.emit('email.sent', { messageId, to: recipient.email, template: mail.template, userId });
    },

    'order.created': async (event, ctx) => {
      if (!ctx.sideEffects) return;
      const { userId, orderId } = event.data;
      const { recipient } = await userOf(ctx.query, userId);
      const mail = orderConfirmation(recipient.name, event.data);
      const messageId = messageIdOf(event);
      await ctx.call('smtp', () => ctx.use.mailer.send(recipient, mail, messageId), smtpCall);
      ctx.emit('email.sent', { messageId, to: recipient.email, template: mail.template, userId, orderId });
    },

    'order.status_changed': async (event, ctx) => {
      const { userId, orderId, status } = event.data;
      if (!ctx.sideEffects) return ctx.write(async ({ sql }) => void (await recordNotification(sql, orderId, status)));
      // an order that was stuck may return to a status of which its customer was already notified
      const [reported] = await ctx.query`select status from told where order_id = ${orderId} and status = ${status}`;
      if (reported !== undefined && !ctx.replaying) return;
      const { recipient, statusEmails } = await userOf(ctx.query, userId);
      const mail = statusUpdate(recipient.name, event.data);
      if (mail === undefined || !statusEmails) return;
      // Two events with the same status may be handled concurrently: both mails have the same Message-ID, and one event
      // reports it.
      const messageId = messageIdOf({ id: `${orderId}-${status}` });
      await ctx.call('smtp', () => ctx.use.mailer.send(recipient, mail, messageId), smtpCall);
      ctx.write(async (tx) => {
        const isFirst = await recordNotification(tx.sql, orderId, status);
        if (!isFirst && !ctx.replaying) return;
        await tx.emit('email.sent', { messageId, to: recipient.email, template: mail.template, userId, orderId });
      });
    },
  },
});

/** False if the customer was already notified of this status. */
async function recordNotification(sql: Sql, orderId: string, status: string): Promise<boolean> {
  const inserted = await sql`
    insert into told (order_id, status) values (${orderId}, ${status}) on conflict do nothing returning status`;
  return inserted.length > 0;
}

/** A Message-ID (RFC 5322 §3.6.4) from an id, reduced to safe characters. */
function messageIdOf({ id }: Pick<EventEnvelope, 'id'>): string {
  return `<${id.replace(/[^A-Za-z0-9-]/g, '')}@flotilla.local>`;
}

/** Throws if the user is not yet known: events may arrive in any order, so that a retry helps. */
async function userOf(query: Sql, userId: string): Promise<{ recipient: Recipient; statusEmails: boolean }> {
  const [user] = await query<Recipient & { status_emails: number }>`
    select name, email, status_emails from users where id = ${userId}`;
  if (user === undefined) throw new Error(`The user ${userId} is not known here yet.`);
  const { name, email, status_emails } = user;
  return { recipient: { name, email }, statusEmails: status_emails === 1 };
}
