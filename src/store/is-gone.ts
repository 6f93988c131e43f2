import { FlotillaError, type ErrorCode } from '../errors.js';

const GONE: ReadonlySet<ErrorCode> = new Set(['store.closed', 'store.moved', 'store.damaged']);

/** Whether an error means that this process cannot use the store any more, so that retrying is pointless. */
export function isStoreGone(error: unknown): boolean {
  return error instanceof FlotillaError && GONE.has(error.code);
}
