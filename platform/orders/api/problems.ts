import type { ProblemType } from 'flotilla/http';

export const orderNotFound = {
  code: 'order.not_found',
  status: 404,
  title: 'Order not found',
  remedy: 'Check the id.',
} satisfies ProblemType;

export const orderWithoutSaga = {
  code: 'order.no_saga',
  status: 404,
  title: 'No saga fulfils this order',
  remedy: 'Read its status and its events: it is fulfilled by choreography.',
} satisfies ProblemType;

export const orderNotCancellable = {
  code: 'order.not_cancellable',
  status: 409,
  title: 'The order can no longer be cancelled',
  remedy: 'Read the order: it is shipped, or has ended otherwise.',
} satisfies ProblemType;

export const unknownUser = {
  code: 'order.unknown_user',
  status: 422,
  title: 'The user of the order does not exist',
  remedy: 'Create the user first.',
} satisfies ProblemType;

export const totalTooLarge = {
  code: 'order.total_too_large',
  status: 422,
  title: 'The total of the order is too large',
  remedy: 'Order less: a total is at most 1,000,000,000,000 minor units.',
} satisfies ProblemType;
