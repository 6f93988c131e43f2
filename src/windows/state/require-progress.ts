import { FlotillaError } from '../../errors.js';

/** Throws `store.damaged` where a page does not follow the previous one: its reader would never end. */
export function requireProgress(isAfter: boolean, what: string): void {
  if (!isAfter) throw new FlotillaError('store.damaged', `${what} did not follow the previous page`);
}
