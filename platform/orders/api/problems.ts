import type { ProblemType } from 'flotilla/http';

export const orderNotFound = { code: 'order.not_found', status: 404, title: 'Order not found' } satisfies ProblemType;

export const orderWithoutSaga = {
  code: 'order.no_saga',
  status: 404,
  title: 'No saga fulfils this order',
} satisfies ProblemType;

export const orderNotCancellable = {
  code: 'order.not_cancellable',
  status: 409,
  title: 'The order can no longer be cancelled',
} satisfies ProblemType;

export const unknownUser = {
  code: 'order.unknown_user',
  status: 422,
  title: 'The user of the order does not exist',
} satisfies ProblemType;

export const totalTooLarge = {
  code: 'order.total_too_large',
  status: 422,
  title: 'The total of the order is too large',
} satisfies ProblemType;
