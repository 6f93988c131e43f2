import { PermanentError } from '../../errors.js';

/** The external service refused the request. */
export interface Refused {
  refused: string;
}

/** The idempotency key was used before with other data, which remain in effect. */
export class KeyReusedError extends PermanentError {
  constructor(key: string) {
    super('outside.key_reused', `The idempotency key ${key} came with other data before.`);
  }
}

/** An action that an external service performs once per idempotency key, such as a charge or a booking. */
export interface ExternalAction<Result extends object> {
  /** Performs the action, or returns its result if it was performed under this key before. Throws `KeyReusedError`. */
  call: (key: string) => Promise<Result | Refused>;
  /** Returns what was performed under the key. If nothing was, nothing will be, not even by a request in progress. */
  close: (key: string) => Promise<Result | undefined>;
}

/** How many times the data of one action can be edited. */
const EDITS = 3;

/** The idempotency keys of one action: `key`, then one for each edit of its data (`key-2`, `key-3`, `key-4`). */
export function idempotencyKeys(key: string): readonly string[] {
  return [key, ...Array.from({ length: EDITS }, (_, index) => `${key}-${index + 2}`)];
}

/**
 * Performs an external action once, however many messages request it and however many of them at the same time. Call it
 * within `ctx.call(…, { sideEffect: true })`. An edited command carries other data than the first one: it closes the key of
 * the earlier data and uses the next key; if the action was performed with the earlier data, that result counts. A refusal
 * closes the remaining keys, so that a concurrent request cannot succeed after it. Throws `KeyReusedError` when no key is
 * left.
 */
export async function callOnce<Result extends object>(
  action: ExternalAction<Result>,
  keys: readonly string[],
): Promise<Result | Refused> {
  const [key, ...later] = keys;
  if (key === undefined) throw new Error('callOnce needs at least one key');
  const answer = await action.call(key).catch((error: unknown) => {
    if (error instanceof KeyReusedError) return error;
    throw error;
  });
  if (!(answer instanceof KeyReusedError)) {
    return 'refused' in answer ? ((await closeAction(action, keys)) ?? answer) : answer;
  }
  const earlier = await action.close(key);
  if (earlier !== undefined) return earlier;
  if (later.length === 0) throw answer;
  return callOnce(action, later);
}

/** Closes the keys of an action: returns the result of the first one under which it was performed. If there is none, the
 *  action will not be performed, not even by a request in progress. Use it before compensating an action whose outcome is
 *  unknown. */
export async function closeAction<Result extends object>(
  { close }: Pick<ExternalAction<Result>, 'close'>,
  keys: readonly string[],
): Promise<Result | undefined> {
  for (const key of keys) {
    const result = await close(key);
    if (result !== undefined) return result;
  }
  return undefined;
}
