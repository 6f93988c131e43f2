import { FlotillaError } from '../errors.js';
import type { ExpectedVersion } from './store.js';

/** `store.conflict`: somebody else has appended to the stream. Says where the stream is, so that a caller can answer with
 *  it or read on from what it knows. */
export class ConflictError extends FlotillaError {
  constructor(
    readonly stream: string,
    readonly expected: ExpectedVersion | readonly number[] | 'exists',
    /** The version the stream is at; 0 for one that is not there. */
    readonly actual: number,
  ) {
    super('store.conflict', `${stream} is at ${actual}, expected ${wording(expected)}`);
  }
}

function wording(expected: ConflictError['expected']): string {
  if (typeof expected !== 'object') return String(expected);
  return expected.length === 0 ? 'another version' : expected.slice(0, 10).join(' or ');
}
