import { FlotillaError } from '../../errors.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';
import { SerialQueue } from '../../concurrency/serial-queue.js';

/** Starts without an outcome after which the message is taken for the cause. */
const MAX_STARTS = 3;

/**
 * A message that ends the process is delivered again, and ends it again. So a *redelivered* message leaves a committed
 * mark before it is handled. One that was started before without an outcome is handled before the next one may leave
 * its mark: whatever the process dies of then, only one message is blamed for it. The commit of what is done clears the mark;
 * after a failure that the process survives, `dedupe` takes it back.
 */
export const crashLoop: Middleware<WorkerPipelineContext> = (next, { name, startMarks }) => {
  const turns = new SerialQueue();
  return async (message) => {
    const { key, delivery } = message;
    if (key === undefined || !delivery.redelivered) return next(message);
    const outcome = await turns.run(async () => {
      const count = await startMarks.record(message, key);
      if (count > MAX_STARTS) throw new FlotillaError('worker.crash_loop', `${name}, ${count - 1} starts`);
      return count > 1 ? next(message) : undefined;
    });
    return outcome ?? (await next(message));
  };
};
