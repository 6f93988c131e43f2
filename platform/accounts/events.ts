import { event, pii } from 'flotilla';
import { z } from 'zod';
import { amount, currency, id, movedAmount, personName } from '../fields.js';

/** The name of a person, or what stands for one. */
export const owner = pii(personName);

const movement = z.strictObject({ accountId: id, amount: movedAmount, balanceAfter: amount });

/** Each says what the account holds after it, so that whoever hears one alone knows the balance. */
export const accountEvents = {
  'account.opened': event({
    1: z.strictObject({
      accountId: id,
      owner,
      currency,
      /** Absent where nothing was paid in. */
      initialDeposit: movedAmount.optional(),
      balanceAfter: amount,
    }),
  }),
  'account.deposited': event({ 1: movement }),
  'account.withdrawn': event({ 1: movement }),
};
