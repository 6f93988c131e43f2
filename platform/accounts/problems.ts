import type { ProblemType } from 'flotilla/http';

export const accountNotFound = {
  code: 'account.not_found',
  status: 404,
  title: 'Account not found',
} satisfies ProblemType;

export const insufficientFunds = {
  code: 'account.insufficient_funds',
  status: 409,
  title: 'The account does not hold that much',
} satisfies ProblemType;

export const balanceTooLarge = {
  code: 'account.balance_too_large',
  status: 409,
  title: 'The balance would be too large',
} satisfies ProblemType;
