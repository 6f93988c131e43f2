import { FlotillaError, type ErrorCode } from '../errors.js';

const GONE: ReadonlySet<ErrorCode> = new Set(['store.closed', 'store.moved', 'store.damaged']);

/** Whether an error means that this process can no longer use the store, so that retrying is pointless. */
export function isStoreGone(error: unknown): boolean {
  return error instanceof FlotillaError && GONE.has(error.code);
}
