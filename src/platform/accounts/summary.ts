import { defineRoute, readModel, type Route } from 'flotilla';
import { z } from 'zod';
import { accountSummary } from '../read-models/account-summary.js';
import { accountBody, accountNotFound } from './present.js';

/** `transactions`: how often money came in or went out, an initial deposit included. */
const summaryBody = accountBody.extend({ transactions: z.int() });

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
    summary: 'An account as the read model has it, with the number of its transactions; it may take a moment to follow',
    responses: { 200: summaryBody },
    handler: async ({ params: { id }, store }) => {
      const { headers } = await readModel(store, accountSummary.name);
      const [row] = await store.query<Row>`
        select owner, currency, balance, version, transactions from account_summary where account_id = ${id}`;
      if (row === undefined) throw accountNotFound(headers); // which tell whether there may be one all the same
      const { owner, currency } = row;
      const [balance, version, transactions] = [row.balance, row.version, row.transactions].map(Number);
      return { status: 200, headers, body: { id, owner, currency, balance, version, transactions } };
    },
  }),
];
