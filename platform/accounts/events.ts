import { event, pii } from 'flotilla';
import { z } from 'zod';
import { amount, currency, id, movedAmount, personName } from '../fields.js';

/** The name of a person, or a substitute. */
export const owner = pii(personName);

const movement = z.strictObject({ accountId: id, amount: movedAmount, balanceAfter: amount });

/** Each event contains the balance after it, so that a consumer of a single event knows the balance. */
export const accountEvents = {
  'account.opened': event({
    1: z.strictObject({
      accountId: id,
      owner,
      currency,
      /** Absent without an initial deposit. */
      initialDeposit: movedAmount.optional(),
      balanceAfter: amount,
    }),
  }),
  'account.deposited': event({ 1: movement }),
  'account.withdrawn': event({ 1: movement }),
};
