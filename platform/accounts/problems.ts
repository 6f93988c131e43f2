import type { ProblemType } from 'flotilla/http';

export const accountNotFound = {
  code: 'account.not_found',
  status: 404,
  title: 'Account not found',
  remedy: 'Check the id.',
} satisfies ProblemType;

export const insufficientFunds = {
  code: 'account.insufficient_funds',
  status: 409,
  title: 'The account does not hold that much',
  remedy: 'Withdraw less.',
} satisfies ProblemType;

export const balanceTooLarge = {
  code: 'account.balance_too_large',
  status: 409,
  title: 'The balance would be too large',
  remedy: 'Deposit less: a balance is at most 1,000,000,000,000 minor units.',
} satisfies ProblemType;
