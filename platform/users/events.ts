import { command, event, pii, textLine } from 'flotilla';
import { z } from 'zod';
import { email, id, personName } from '../fields.js';

/** What a user wants to receive. A welcome and confirmations of orders are always sent. */
export const preferences = z.strictObject({
  statusEmails: z.boolean().describe('Whether changes of the status of orders are mailed'),
});

/** The preferences of users who have not chosen any. */
export const defaultPreferences: z.infer<typeof preferences> = { statusEmails: true };

const created = { userId: id, name: pii(personName), email: pii(email) };

export const userEvents = {
  'user.created': event(
    { 1: z.strictObject(created), 2: z.strictObject({ ...created, preferences }) },
    { 1: (data) => ({ ...data, preferences: defaultPreferences }) },
  ),
  'email.send_welcome': command({ 1: z.strictObject({ userId: id }) }),
  'email.sent': event({
    1: z.strictObject({
      messageId: textLine(200),
      to: pii(email),
      template: z.enum(['welcome', 'order_confirmation', 'status_update']),
      userId: id,
      orderId: id.optional(),
    }),
  }),
};
