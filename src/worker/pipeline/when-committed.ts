import { FlotillaError } from '../../errors.js';
import type { PendingChange } from '../../store/pending-change.js';

/** Resolves when the effects of the message before are committed. Rejects with `store.predecessor_failed` if they are rolled
 *  back. */
export async function whenCommitted(before: PendingChange): Promise<void> {
  if (!(await before.committed())) throw new FlotillaError('store.predecessor_failed');
}
