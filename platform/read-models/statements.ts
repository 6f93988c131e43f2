import { PermanentError, type Sql } from 'flotilla';
import { defineWorker } from '../catalogue.js';

interface Line {
  account: string;
  time: string;
  kind: 'opening' | 'deposit' | 'withdrawal';
  /** What the balance changes by. */
  change: number;
  balance: number;
}

/** Writes the statement of each account: numbered lines with a running balance, which are never rewritten. They need the
 *  events of an account in order, with any number of replicas and after failures. An event whose balance does not follow
 *  from the line before stops the statement of its account: it is held until the event is corrected or skipped. */
export default defineWorker({
  name: 'statements',
  store: 'core',
  ordering: { by: 'subject', partitions: 4, whenExhausted: 'hold', pipelined: true },
  migrations: [
    {
      name: 'lines',
      sql: `
        create table statement_lines (
          account_id text not null,
          line bigint not null,
          time text not null,
          kind text not null,
          change bigint not null,
          balance bigint not null,
          primary key (account_id, line)
        );
      `,
    },
  ],
  on: {
    'account.opened': ({ data, time }, ctx) => {
      const { accountId: account, initialDeposit: change = 0, balanceAfter: balance } = data;
      ctx.write(({ sql }) => addLine(sql, { account, time, kind: 'opening', change, balance }));
    },
    'account.deposited': ({ data, time }, ctx) => {
      const { accountId: account, amount: change, balanceAfter: balance } = data;
      ctx.write(({ sql }) => addLine(sql, { account, time, kind: 'deposit', change, balance }));
    },
    'account.withdrawn': ({ data, time }, ctx) => {
      const { accountId: account, amount, balanceAfter: balance } = data;
      ctx.write(({ sql }) => addLine(sql, { account, time, kind: 'withdrawal', change: -amount, balance }));
    },
  },
});

/** The first line of an account that is older than this worker carries its balance forward. */
async function addLine(sql: Sql, { account, time, kind, change, balance }: Line): Promise<void> {
  const [last] = await sql<{ line: number; balance: number }>`
    select line, balance from statement_lines where account_id = ${account} order by line desc limit 1`;
  const before = last === undefined ? balance - change : Number(last.balance);
  if (before + change !== balance) {
    throw new PermanentError(
      'statement.balance_mismatch',
      `A ${kind} changes the balance from ${before} by ${change}, and its event has ${balance}.`,
    );
  }
  await sql`
    insert into statement_lines (account_id, line, time, kind, change, balance)
    values (${account}, ${Number(last?.line ?? 0) + 1}, ${time}, ${kind}, ${change}, ${balance})`;
}
