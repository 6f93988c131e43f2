import { ConflictError } from '../store/conflict-error.js';

/** The versions at which a caller accepts an aggregate: one, any of several (an empty list: never), or `'exists'`
 *  for any version but 0. Version 0 is an aggregate that does not exist yet. */
export type ExpectedVersions = number | readonly number[] | 'exists';

/** Throws `store.conflict` (a `ConflictError`) unless the stream is at an expected version. */
export function checkVersion(stream: string, actual: number, expected: ExpectedVersions): void {
  if (!isExpected(actual, expected)) throw new ConflictError(stream, expected, actual);
}

export function isExpected(version: number, expected: ExpectedVersions): boolean {
  if (expected === 'exists') return version > 0;
  return typeof expected === 'number' ? version === expected : expected.includes(version);
}
