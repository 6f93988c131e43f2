import { command, event, pii, textLine } from 'flotilla';
import { z } from 'zod';
import { email, id, personName } from '../fields.js';

export const userEvents = {
  'user.created': event({ 1: z.strictObject({ userId: id, name: pii(personName), email: pii(email) }) }),
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
