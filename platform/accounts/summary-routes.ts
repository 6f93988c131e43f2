import { defineRoute, ProblemError, type Route } from 'flotilla/http';
import { z } from 'zod';
import { accountSummary } from '../read-models/account-summary.js';
import { accountBody } from './account-body.js';
import { accountNotFound } from './problems.js';

const summaryBody = accountBody
  .extend({ transactions: z.int().describe('Deposits and withdrawals, an initial deposit included') })
  .meta({ id: 'AccountSummary', description: 'An account with its number of transactions' });

interface Row {
  owner: string;
  currency: string;
  balance: number;
  version: number;
  transactions: number;
}

export const accountSummaryRoutes: Route[] = [
  defineRoute({
    method: 'get',
    path: '/accounts/:id/summary',
    operationId: 'getAccountSummary',
    tag: 'Accounts',
    summary: 'Read the summary of an account from the read model',
    description: 'Changes of the account may take a moment to show.',
    responses: { 200: summaryBody },
    reads: [accountSummary],
    problems: [accountNotFound],
    handler: async ({ params: { id }, store }) => {
      const [row] = await store.query<Row>`
        select owner, currency, balance, version, transactions from account_summary where account_id = ${id}`;
      if (row === undefined) throw new ProblemError(accountNotFound);
      const { owner, currency } = row;
      const [balance, version, transactions] = [row.balance, row.version, row.transactions].map(Number);
      return { status: 200, body: { id, owner, currency, balance, version, transactions } };
    },
  }),
];
