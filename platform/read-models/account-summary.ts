import type { EventEnvelope, ProjectionTx } from 'flotilla';
import { defineProjection } from '../catalogue.js';

/** The balance of every account, and the number of its transactions, including an initial deposit. */
export const accountSummary = defineProjection({
  name: 'account-summary',
  version: 1,
  tables: {
    account_summary: `
      create table account_summary (
        account_id text not null primary key,
        owner text not null,
        currency text not null,
        balance bigint not null,
        transactions bigint not null,
        version bigint not null,
        opened_at text not null,
        updated_at text not null
      )`,
  },
  on: {
    'account.opened': async ({ data, time, sequence }, { sql }) => {
      const { accountId, owner, currency, balanceAfter, initialDeposit } = data;
      const transactions = initialDeposit === undefined ? 0 : 1;
      await sql`
        insert into account_summary (account_id, owner, currency, balance, transactions, version, opened_at, updated_at)
        values (${accountId}, ${owner}, ${currency}, ${balanceAfter}, ${transactions}, ${Number(sequence)},
          ${time}, ${time})`;
    },
    'account.deposited': moved,
    'account.withdrawn': moved,
  },
});

type Movement = EventEnvelope<string, { accountId: string; balanceAfter: number }>;

async function moved({ data: { accountId, balanceAfter }, time, sequence }: Movement, { sql }: ProjectionTx) {
  await sql`
    update account_summary
    set balance = ${balanceAfter}, transactions = transactions + 1, version = ${Number(sequence)}, updated_at = ${time}
    where account_id = ${accountId}`;
}
