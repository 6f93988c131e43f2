import { FlotillaError } from '../../errors.js';
import type { Middleware, WorkerStation } from '../station.js';
import { Turns } from '../turns.js';

/** Starts without an outcome after which the message is taken for the cause. */
const MAX_STARTS = 3;

/**
 * A message that ends the process is delivered again, and ends it again. So a *redelivered* message leaves a committed
 * mark before it is handled. One that was started before without an outcome is handled before the next one may leave
 * its mark: whatever the process dies of then, only one message is blamed for it.
 */
export const crashLoop: Middleware<WorkerStation> = (next, { name, store }) => {
  const turns = new Turns();
  return async (message) => {
    const { key, delivery } = message;
    if (key === undefined || !delivery.redelivered) return next(message);
    try {
      const outcome = await turns.take(async () => {
        const starts = await store.recordStart(key);
        if (starts > MAX_STARTS) throw new FlotillaError('worker.crash_loop', `${name}, ${starts - 1} starts`);
        return starts > 1 ? next(message) : undefined;
      });
      return outcome ?? (await next(message)); // the commit of what is done clears the mark
    } catch (error) {
      await store.clearStarts(key); // it has failed, and the process lives
      throw error;
    }
  };
};
