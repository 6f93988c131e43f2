import { expect } from 'chai';
import { simulation, type Run } from 'flotilla/simulation';
import { account, type AccountCommand } from '../../../platform/accounts/account.js';
import { platform } from '../../../platform/catalogue.js';
import statements from '../../../workers/statements/index.js';

interface Movement {
  account: number;
  /** Negative: a withdrawal. */
  change: number;
  /** Milliseconds from the start. */
  at: number;
}

/** Deposits and withdrawals of a few accounts, and two replicas of the ordered worker that writes their statements. Each statement has
 *  one line for each event, and every balance is that of the event. */
export const statementSimulation = simulation({
  workers: [statements],
  replicas: { statements: 2 },
  inputs: (fc) =>
    fc.array(fc.record({ account: fc.nat(2), change: fc.integer({ min: -50, max: 100 }), at: fc.nat(2_000) }), {
      minLength: 1,
      maxLength: 12,
    }),
  async scenario(run, _world, movements) {
    for (let each = 0; each <= 2; each += 1)
      await execute(run, each, { type: 'open', accountId: `a${each}`, owner: 'Ada', currency: 'USD' });
    for (const movement of movements) run.at(movement.at, () => move(run, movement));
  },
  async check(run) {
    const lines = await run.store('core').query<{ account: string; change: number; balance: number }>`
      select account_id as account, change, balance from statement_lines order by account_id, line`;
    const wanted = (await run.store('core').readAll(0))
      .filter(({ type }) => type.startsWith('account.'))
      .map(({ event }) => balanceAfter(event.data))
      .sort((a, b) => a.account.localeCompare(b.account));
    expect(lines.map(({ account: of, balance }) => ({ account: of, balance: Number(balance) }))).to.deep.equal(wanted);
    expect(run.deadLetters).to.deep.equal([]);
  },
});

function balanceAfter(data: unknown): { account: string; balance: number } {
  const { accountId, balanceAfter: balance } = data as { accountId: string; balanceAfter: number };
  return { account: accountId, balance };
}

async function move(run: Run, { account: of, change }: Movement): Promise<void> {
  if (change === 0) return;
  const command = { type: change > 0 ? 'deposit' : 'withdraw', amount: Math.abs(change) } as const;
  await execute(run, of, command).catch((error: unknown) => {
    expect(error).to.have.property('code', 'account.insufficient_funds');
  });
}

function execute(run: Run, of: number, command: AccountCommand): Promise<unknown> {
  return run.store('core').transaction((tx) =>
    platform.execute(tx, account, `a${of}`, command, {
      origin: (subject) => run.context({ source: 'core', subject }),
    }),
  );
}
