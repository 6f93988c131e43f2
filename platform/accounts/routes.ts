import { newId } from 'flotilla';
import { defineRoute, ProblemError, type ProblemType, type Route } from 'flotilla/http';
import { z } from 'zod';
import { platform } from '../catalogue.js';
import { currency, movedAmount } from '../fields.js';
import { historyPage, historyQuery, readHistory } from '../history.js';
import { account } from './account.js';
import { owner } from './events.js';
import { accountBody, presentAccount, readAccount } from './account-body.js';
import { accountNotFound, balanceTooLarge, insufficientFunds } from './problems.js';

const tag = 'Accounts';

const newAccount = z
  .strictObject({ owner, currency, initialDeposit: movedAmount.optional() })
  .meta({ id: 'NewAccount', description: 'The deposit is in minor units of the currency' });

const movementBody = z
  .strictObject({ amount: movedAmount })
  .meta({ id: 'Movement', description: 'An amount in minor units of the currency of the account' });

export const accountRoutes: Route[] = [
  defineRoute({
    method: 'post',
    path: '/accounts',
    operationId: 'openAccount',
    tag,
    summary: 'Open an account',
    description: 'With an initial deposit, if there is one.',
    body: newAccount,
    emits: ['account.opened'],
    responses: { 201: accountBody },
    versioned: true,
    handler: ({ body, origin, commit }) =>
      commit(async (tx) => {
        const accountId = newId();
        const command = { type: 'open', accountId, ...body } as const;
        const opened = await platform.execute(tx, account, accountId, command, { origin });
        return { ...presentAccount(201, opened), headers: { Location: `/accounts/${accountId}` } };
      }),
  }),

  movement('deposits', 'deposit', 'depositToAccount', 'Deposit an amount', [balanceTooLarge]),
  movement('withdrawals', 'withdraw', 'withdrawFromAccount', 'Withdraw an amount that the account holds', [
    insufficientFunds,
  ]),

  defineRoute({
    method: 'get',
    path: '/accounts/:id',
    operationId: 'getAccount',
    tag,
    summary: 'Read an account',
    description: 'As of the last committed event.',
    responses: { 200: accountBody },
    problems: [accountNotFound],
    versioned: true,
    handler: ({ params, store }) => readAccount(store, params.id),
  }),

  defineRoute({
    method: 'get',
    path: '/accounts/:id/events',
    operationId: 'listAccountEvents',
    tag,
    summary: 'List the events of an account',
    description: 'Oldest first, without personal data.',
    query: historyQuery,
    responses: { 200: historyPage },
    problems: [accountNotFound],
    handler: async ({ params, query, store }) => {
      const page = await readHistory(store, `account/${params.id}`, query);
      if (page === undefined) throw new ProblemError(accountNotFound);
      return { status: 200, body: page };
    },
  }),
];

function movement(
  name: 'deposits' | 'withdrawals',
  type: 'deposit' | 'withdraw',
  operationId: string,
  summary: string,
  refusals: ProblemType[],
): Route {
  return defineRoute({
    method: 'post',
    path: `/accounts/:id/${name}`,
    operationId,
    tag,
    summary,
    description: 'With `If-Match`, only while the account is at that version.',
    body: movementBody,
    emits: [type === 'deposit' ? 'account.deposited' : 'account.withdrawn'],
    responses: { 200: accountBody },
    problems: [accountNotFound, ...refusals],
    versioned: true,
    ifMatch: true,
    handler: ({ params: { id }, body: { amount }, expectedVersion, origin, commit }) =>
      commit(async (tx) => {
        const command = { type, amount } as const;
        const changed = await platform.execute(tx, account, id, command, { origin, expectedVersion });
        return presentAccount(200, changed);
      }),
  });
}
