import assert, { AssertionError } from 'node:assert';
import { messageOf } from '../errors.js';

/** Compares as JSON, in which an undefined field is missing. Throws an `AssertionError` that begins with `what` and
 *  shows the difference; `notes` are lines in between. */
export function expectSame(
  seen: object,
  expected: object,
  what: string,
  { notes = [], cause }: { notes?: readonly string[]; cause?: unknown } = {},
): void {
  const [left, right] = [asJson(seen), asJson(expected)];
  try {
    assert.deepStrictEqual(left, right);
  } catch (error) {
    const difference = messageOf(error).split('\n').slice(1);
    const failed = new AssertionError({
      message: [what, ...notes, ...difference].join('\n'),
      actual: left,
      expected: right,
      operator: 'deepStrictEqual',
      stackStartFn: expectSame,
    });
    if (cause !== undefined) failed.cause = cause;
    throw failed;
  }
}

export function asJson<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
