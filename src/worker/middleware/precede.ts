import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';
import { whenCommitted } from '../pipeline/when-committed.js';

/** For a message that is handled before the effects of the one before are committed: nothing becomes of it, such as a retry
 *  or a dead letter, before they are. Rejects with `store.predecessor_failed` if they are rolled back: the message is handled
 *  again, see `turn`. */
export const precede: Middleware<WorkerPipelineContext> = (next) => async (message) => {
  const { after } = message;
  if (after === undefined) return next(message);
  try {
    const outcome = await next(message);
    if (outcome !== 'done') await whenCommitted(after);
    return outcome;
  } catch (error) {
    await whenCommitted(after);
    throw error;
  }
};
