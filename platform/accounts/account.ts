import { PermanentError } from 'flotilla';
import { decider, type Data } from '../catalogue.js';
import { MAX_AMOUNT } from '../fields.js';

interface Account {
  id: string;
  owner: string;
  currency: string;
  /** Minor units, from 0 to MAX_AMOUNT. */
  balance: number;
}

/** Null if the account does not exist. */
export type AccountState = Account | null;

export type AccountCommand =
  | { type: 'open'; accountId: string; owner: string; currency: string; initialDeposit?: number }
  | { type: 'deposit'; amount: number }
  | { type: 'withdraw'; amount: number };

type AccountEvent = {
  [T in 'account.opened' | 'account.deposited' | 'account.withdrawn']: { type: T; data: Data<T> };
}['account.opened' | 'account.deposited' | 'account.withdrawn'];

/** A bank account: no overdraft, and at most MAX_AMOUNT. Its streams grow long, so a snapshot is taken every 100
 *  events. */
export const account = decider(
  'account.opened',
  'account.deposited',
  'account.withdrawn',
)<AccountState, AccountCommand>({
  aggregate: 'account',
  initial: null,
  snapshot: { every: 100, shape: 1 },
  decide: (command, state) => {
    switch (command.type) {
      case 'open':
        return open(command, state);
      case 'deposit':
        return deposit(command.amount, existing(state));
      case 'withdraw':
        return withdraw(command.amount, existing(state));
    }
  },
  evolve: (state, { type, data }) => {
    switch (type) {
      case 'account.opened':
        return { id: data.accountId, owner: data.owner, currency: data.currency, balance: data.balanceAfter };
      case 'account.deposited':
      case 'account.withdrawn':
        return state && { ...state, balance: data.balanceAfter };
    }
  },
});

function open(command: Extract<AccountCommand, { type: 'open' }>, state: AccountState): AccountEvent[] {
  const { accountId, owner, currency, initialDeposit } = command;
  if (state !== null) throw new PermanentError('account.exists', `There is an account ${accountId} already.`);
  if (initialDeposit !== undefined) requireAmount(initialDeposit);
  const balanceAfter = initialDeposit ?? 0;
  return [{ type: 'account.opened', data: { accountId, owner, currency, initialDeposit, balanceAfter } }];
}

function deposit(amount: number, { id, balance }: Account): AccountEvent[] {
  requireAmount(amount);
  const balanceAfter = balance + amount;
  if (balanceAfter > MAX_AMOUNT) {
    throw new PermanentError('account.balance_too_large', `An account holds at most ${MAX_AMOUNT}.`);
  }
  return [{ type: 'account.deposited', data: { accountId: id, amount, balanceAfter } }];
}

function withdraw(amount: number, { id, balance }: Account): AccountEvent[] {
  requireAmount(amount);
  if (amount > balance) {
    throw new PermanentError('account.insufficient_funds', 'The account does not hold that much.');
  }
  return [{ type: 'account.withdrawn', data: { accountId: id, amount, balanceAfter: balance - amount } }];
}

function existing(state: AccountState): Account {
  if (state !== null) return state;
  throw new PermanentError('account.not_found', 'There is no such account.');
}

/** A negative deposit would be a withdrawal without a check of the balance. */
function requireAmount(amount: number): void {
  if (Number.isSafeInteger(amount) && amount >= 1 && amount <= MAX_AMOUNT) return;
  throw new PermanentError('account.invalid_amount', `An amount is a whole number from 1 to ${MAX_AMOUNT}.`);
}
