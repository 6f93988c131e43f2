import { defineRoute, handleCommand, newId, type Route } from 'flotilla';
import { z } from 'zod';
import { platform } from '../catalogue.js';
import { currency, movedAmount } from '../fields.js';
import { historyPage, historyQuery, readHistory } from '../history.js';
import { account } from './account.js';
import { owner } from './events.js';
import { accountBody, accountNotFound, presentAccount, readAccount } from './present.js';

const refusals = {
  'account.not_found': 404,
  'account.insufficient_funds': 409,
  'account.balance_too_large': 409,
};

export const accountRoutes: Route[] = [
  defineRoute({
    method: 'post',
    path: '/accounts',
    summary: 'Open an account',
    body: z.strictObject({ owner, currency, initialDeposit: movedAmount.optional() }),
    responses: { 201: accountBody },
    versioned: true,
    handler: ({ body, origin, commit }) =>
      commit(async (tx) => {
        const accountId = newId();
        const command = { type: 'open', accountId, ...body } as const;
        const opened = await handleCommand(tx, platform.definitions, account, accountId, command, origin);
        return { ...presentAccount(201, opened), headers: { Location: `/accounts/${accountId}` } };
      }),
  }),

  movement('deposits', 'deposit', 'Pay into an account'),
  movement('withdrawals', 'withdraw', 'Take out of an account, not more than it holds'),

  defineRoute({
    method: 'get',
    path: '/accounts/:id',
    summary: 'An account as its events make it now',
    responses: { 200: accountBody },
    versioned: true,
    handler: ({ params, store }) => readAccount(store, params.id),
  }),

  defineRoute({
    method: 'get',
    path: '/accounts/:id/events',
    summary: 'What happened to an account, the oldest first',
    query: historyQuery,
    responses: { 200: historyPage },
    handler: async ({ params, query, store }) => {
      const page = await readHistory(store, `account/${params.id}`, query);
      if (page === undefined) throw accountNotFound();
      return { status: 200, body: page };
    },
  }),
];

function movement(name: 'deposits' | 'withdrawals', type: 'deposit' | 'withdraw', summary: string): Route {
  return defineRoute({
    method: 'post',
    path: `/accounts/:id/${name}`,
    summary,
    body: z.strictObject({ amount: movedAmount }),
    responses: { 200: accountBody },
    refusals,
    versioned: true,
    ifMatch: true,
    handler: ({ params: { id }, body: { amount }, expectedVersion, origin, commit }) =>
      commit(async (tx) => {
        const command = { type, amount } as const;
        const expected = { expectedVersion };
        return presentAccount(
          200,
          await handleCommand(tx, platform.definitions, account, id, command, origin, expected),
        );
      }),
  });
}
