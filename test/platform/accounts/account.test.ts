import { expect } from 'chai';
import fc from 'fast-check';
import { spec } from 'flotilla/testing';
import { account, type AccountCommand, type AccountState } from '../../../platform/accounts/account.js';
import { MAX_AMOUNT } from '../../../platform/fields.js';

const open = { type: 'open', accountId: 'a1', owner: 'Ada', currency: 'USD' } as const;
const opened = (balance = 0) => {
  const data = { accountId: 'a1', owner: 'Ada', currency: 'USD', balanceAfter: balance };
  return { type: 'account.opened', data: { ...data, ...(balance > 0 && { initialDeposit: balance }) } } as const;
};
const deposited = (amount: number, balanceAfter: number) =>
  ({ type: 'account.deposited', data: { accountId: 'a1', amount, balanceAfter } }) as const;
const withdrawn = (amount: number, balanceAfter: number) =>
  ({ type: 'account.withdrawn', data: { accountId: 'a1', amount, balanceAfter } }) as const;
const deposit = (amount: number) => ({ type: 'deposit', amount }) as const;
const withdraw = (amount: number) => ({ type: 'withdraw', amount }) as const;

describe('platform: decisions of an account', () => {
  it('opens once, with or without a first deposit', () => {
    spec(account).when(open).then(opened());
    spec(account)
      .when({ ...open, initialDeposit: 500 })
      .then(opened(500));
    spec(account).given(opened()).when(open).rejects('account.exists');
  });

  it('moves money and records the balance', () => {
    spec(account).given(opened(500)).when(deposit(250)).then(deposited(250, 750));
    spec(account).given(opened(500), deposited(250, 750)).when(withdraw(750)).then(withdrawn(750, 0));
  });

  it('rejects an overdraft', () => {
    spec(account).given(opened(500)).when(withdraw(501)).rejects('account.insufficient_funds');
    spec(account).given(opened(500), withdrawn(500, 0)).when(withdraw(1)).rejects('account.insufficient_funds');
  });

  it('rejects a balance above the maximum', () => {
    spec(account)
      .given(opened(MAX_AMOUNT - 1))
      .when(deposit(1))
      .then(deposited(1, MAX_AMOUNT));
    spec(account).given(opened(MAX_AMOUNT)).when(deposit(1)).rejects('account.balance_too_large');
  });

  for (const amount of [0, -1, 0.5, MAX_AMOUNT + 1, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`rejects the amount ${amount}`, () => {
      spec(account).given(opened(500)).when(deposit(amount)).rejects('account.invalid_amount');
      spec(account).given(opened(500)).when(withdraw(amount)).rejects('account.invalid_amount');
      spec(account)
        .when({ ...open, initialDeposit: amount })
        .rejects('account.invalid_amount');
    });
  }

  it('rejects commands before it is opened', () => {
    spec(account).when(deposit(1)).rejects('account.not_found');
    spec(account).when(withdraw(1)).rejects('account.not_found');
  });

  it('has a balance of deposits less withdrawals after any commands', () => {
    const amount = fc.oneof(fc.integer({ min: -5, max: 2000 }), fc.double(), fc.integer({ min: 1, max: MAX_AMOUNT }));
    const command: fc.Arbitrary<AccountCommand> = fc.oneof(
      amount.map(deposit),
      amount.map(withdraw),
      fc.constant(open),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        let state: AccountState = account.initial;
        let sum = 0;
        for (const each of commands) {
          const events = decided(each, state);
          for (const event of events) {
            if (event.type === 'account.deposited') sum += event.data.amount;
            if (event.type === 'account.withdrawn') sum -= event.data.amount;
            expect(event.data.balanceAfter).to.equal(sum);
          }
          state = events.reduce(account.evolve, state);
          expect(sum).to.be.within(0, MAX_AMOUNT).and.satisfy(Number.isSafeInteger);
          expect(state?.balance ?? 0).to.equal(sum);
        }
      }),
    );
  });
});

function decided(command: AccountCommand, state: AccountState) {
  try {
    return account.decide(command, state);
  } catch (error) {
    expect(error)
      .to.have.property('code')
      .that.matches(/^account\./);
    return [];
  }
}
