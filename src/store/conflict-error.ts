import { FlotillaError } from '../errors.js';
import type { ExpectedVersion } from './store.js';

/** `store.conflict`: the stream is not at the expected version, usually because of a concurrent append. Contains the
 *  current version, so that a caller can return it or read the newer events. */
export class ConflictError extends FlotillaError {
  constructor(
    readonly stream: string,
    readonly expected: ExpectedVersion | readonly number[] | 'exists',
    /** The current version of the stream; 0 if it does not exist. */
    readonly actual: number,
  ) {
    super('store.conflict', `${stream} is at ${actual}, expected ${wording(expected)}`);
  }
}

function wording(expected: ConflictError['expected']): string {
  if (typeof expected !== 'object') return String(expected);
  return expected.length === 0 ? 'another version' : expected.slice(0, 10).join(' or ');
}
