import { FlotillaError, type ErrorCode } from '../errors.js';

const GONE: ReadonlySet<ErrorCode> = new Set(['store.closed', 'store.moved', 'store.damaged']);

/** Whether an error means that the store is of no more use to this process, so that trying again is of none either. */
export function isStoreGone(error: unknown): boolean {
  return error instanceof FlotillaError && GONE.has(error.code);
}
