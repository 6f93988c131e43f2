import { formatDuration } from '../../duration.js';
import { errorOf, FlotillaError, UnavailableError } from '../../errors.js';
import type { LazySignal } from '../../concurrency/lazy-signal.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import type { Middleware } from '../pipeline/context.js';

/** Counted from the delivery: RabbitMQ requeues a delivery after 30 minutes and closes the channel. */
const MAX_HANDLING_MS = 25 * 60_000;

/** Aborts the handler's signal and revokes its context at the timeout. The delivery keeps its slot until the handler
 *  has settled: otherwise handlers that ignore the signal would accumulate. A handler that has not settled after
 *  `abandonAfterTimeouts` times its timeout is abandoned, and its message fails with `worker.timeout`. An abandoned
 *  handler cannot commit: its context is revoked and its result is ignored. */
export const timeout: Middleware = (
  next,
  { name, timeout: limit, signal: ending, overdueHandlers, abandonAfterTimeouts, clock },
) => {
  // one shared listener: with one per message, removing it would search a long list
  const running = new Set<Run>();
  const endAll = () => {
    for (const { signal, cancelTimer } of running) {
      signal.abort(errorOf(ending.reason));
      cancelTimer();
    }
  };
  ending.addEventListener('abort', endAll, { once: true });
  return async (message) => {
    const { signal } = message;
    const run: Run = { signal, cancelTimer: () => undefined };
    running.add(run);
    try {
      const work = next(message);
      const outcome = await new Promise<DeliveryOutcome>((resolve, reject) => {
        work.then(resolve, reject);
        run.cancelTimer = clock.after(limit, () => {
          const tooLate = new FlotillaError('worker.timeout', `${name}, ${formatDuration(limit)}`);
          signal.abort(tooLate);
          overdueHandlers.add(message);
          if (abandonAfterTimeouts === Infinity) return;
          const left = message.receivedAt + MAX_HANDLING_MS - clock.now();
          run.cancelTimer = clock.after(Math.max(0, Math.min((abandonAfterTimeouts - 1) * limit, left)), () => {
            overdueHandlers.abandon(message, settled(work));
            reject(tooLate);
          });
        });
      });
      signal.throwIfAborted();
      return outcome;
    } catch (error) {
      // an unavailable dependency is the better explanation of the two
      if (!(error instanceof UnavailableError)) signal.throwIfAborted();
      throw error;
    } finally {
      run.cancelTimer();
      running.delete(run);
      overdueHandlers.remove(message);
    }
  };
};

interface Run {
  readonly signal: LazySignal;
  cancelTimer: () => void;
}

function settled(work: Promise<unknown>): Promise<void> {
  return work.then(
    () => undefined,
    () => undefined,
  );
}
