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
  /** Performs the action, or returns its result if it was already performed under this key. Throws `KeyReusedError` if
   *  the key was used with other data. */
  call: (key: string) => Promise<Result | Refused>;
  /** Closes the key: returns the result if the action was performed under it, otherwise prevents it from ever being
   *  performed, even by a request in progress. */
  close: (key: string) => Promise<Result | undefined>;
}

/** Maximum number of edits of the data of one action. */
const EDITS = 3;

/** The idempotency keys of one action: `key`, then one for each edit of its data (`key-2`, `key-3`, `key-4`). */
export function idempotencyKeys(key: string): readonly string[] {
  return [key, ...Array.from({ length: EDITS }, (_, index) => `${key}-${index + 2}`)];
}

/** Performs an external action once, even if several messages request it concurrently. Call it within
 *  `ctx.call(…, { sideEffect: true })`. An edited command carries different data: it closes the key of the earlier
 *  data and uses the next key; if the action was already performed with the earlier data, that result counts. A refusal
 *  closes the remaining keys, so that a concurrent request cannot succeed afterwards. Throws `KeyReusedError` when no
 *  key is left. */
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

/** Closes the keys of an action and returns the result of the first key under which it was performed. If there is none,
 *  the action will never be performed, even by a request in progress. Use it before compensating an action whose
 *  outcome is unknown. */
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
