import { expect } from 'chai';
import { harness, type TestEvent } from 'flotilla/testing';
import { routes } from '../../platform/routes.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import statements from '../../workers/statements/index.js';
import { startApi, temporaryFile } from '../api/support/start.js';
import { prepareTables } from '../../src/runtime/stores/tables-read.js';

const accountId = 'a1';
const subject = `account/${accountId}`;
const opened = (initialDeposit: number): TestEvent => ({
  type: 'account.opened',
  subject,
  data: { accountId, owner: 'Ada', currency: 'USD', initialDeposit, balanceAfter: initialDeposit },
});
const moved = (change: number, balanceAfter: number): TestEvent => ({
  type: change > 0 ? 'account.deposited' : 'account.withdrawn',
  subject,
  data: { accountId, amount: Math.abs(change), balanceAfter },
});

/** `1 opening 500 500` */
async function linesAfter(...events: TestEvent[]): Promise<string[]> {
  let lines: string[] = [];
  const [last, ...earlier] = [...events].reverse();
  if (last === undefined) throw new Error('no events');
  await harness(statements)
    .given(...earlier.reverse())
    .when(last)
    .result(async ({ query }) => {
      const rows = await query<Record<string, unknown>>`
        select line, kind, change, balance from statement_lines order by line`;
      lines = rows.map((row) => Object.values(row).join(' '));
    });
  return lines;
}

describe('worker statements', function () {
  this.timeout(30_000);

  it('writes a line for each change of an account, with the balance after it', async () => {
    expect(await linesAfter(opened(500), moved(-200, 300), moved(50, 350))).to.deep.equal([
      '1 opening 500 500',
      '2 withdrawal -200 300',
      '3 deposit 50 350',
    ]);
  });

  it('carries the balance of an older account forward', async () => {
    expect(await linesAfter(moved(-200, 300), moved(50, 350))).to.deep.equal([
      '1 withdrawal -200 300',
      '2 deposit 50 350',
    ]);
  });

  it('stops at an event whose balance does not follow from the line before', async () => {
    await harness(statements).given(opened(500)).when(moved(-200, 301)).deadLetters('statement.balance_mismatch');
    await harness(statements).given(opened(500)).when(moved(50, 450)).deadLetters('statement.balance_mismatch');
  });

  it('is served in pages, oldest line first', async () => {
    const file = await temporaryFile();
    const api = await startApi(file.path, { routes: routes({ fulfilment: 'orchestrated' }) });
    try {
      await prepareTables(api.store, { workers: [workerDefinitionOf(statements)], projections: [] });
      const time = '2026-11-29T10:00:00.000Z';
      await api.store.transaction(async ({ sql }) => {
        for (const line of [1, 2, 3]) {
          await sql`
            insert into statement_lines (account_id, line, time, kind, change, balance)
            values (${accountId}, ${line}, ${time}, 'deposit', 5, ${5 * line})`;
        }
      });
      const read = (id: string, query = '') => api.send('GET', `/accounts/${id}/statement${query}`);
      const first = await read(accountId, '?limit=2');
      expect(first.body.items).to.deep.equal([
        { line: 1, time, kind: 'deposit', change: 5, balance: 5 },
        { line: 2, time, kind: 'deposit', change: 5, balance: 10 },
      ]);
      const cursor = first.body.nextCursor as string;
      const rest = await read(accountId, `?cursor=${cursor}`);
      expect(rest.body.items.map((item: { line: number }) => item.line)).to.deep.equal([3]);
      expect(rest.body.nextCursor).to.equal(null);
      expect((await read('nobody')).body.code).to.equal('account.not_found');
      expect((await read('nobody', `?cursor=${cursor}`)).body.code).to.equal('request.invalid');
    } finally {
      await api.close();
      await file.remove();
    }
  });
});
