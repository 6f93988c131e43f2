import { FlotillaError } from '../../errors.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';
import { SerialQueue } from '../../concurrency/serial-queue.js';

/** Start marks without an outcome after which the message counts as the cause of the crashes. */
export const MAX_STARTS = 3;

/** Dead-letters messages that crash the process. A message that crashes the process is redelivered and crashes it
 *  again, therefore a *redelivered* message commits a start mark before it is handled. A message with earlier marks is
 *  handled before the next message may commit its mark, so that a crash counts against one message only. The commit of
 *  the handling removes the mark; after a failure without a crash, `inbox` removes it. */
export const crashLoop: Middleware<WorkerPipelineContext> = (next, { name, startMarks }) => {
  const starts = new SerialQueue();
  return async (message) => {
    const { key, delivery } = message;
    if (key === undefined || !delivery.redelivered) return next(message);
    const outcome = await starts.run(async () => {
      const count = await startMarks.record(message, key);
      if (count > MAX_STARTS) throw new FlotillaError('worker.crash_loop', `${name}, ${count - 1} starts`);
      return count > 1 ? next(message) : undefined;
    });
    return outcome ?? (await next(message));
  };
};
