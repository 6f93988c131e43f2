import type { Middleware } from '../pipeline/context.js';

/** Dead-letters a message that `turn` could not place in its order. Inside `decode`, so that its event is known, and those
 *  that are not trusted are refused for that reason. */
export const refuse: Middleware = (next) => (message) => {
  if (message.refusal !== undefined) throw message.refusal;
  return next(message);
};
