import { formatDuration } from '../../duration.js';
import { errorOf, FlotillaError, UnavailableError } from '../../errors.js';
import type { LazySignal } from '../../concurrency/lazy-signal.js';
import type { Outcome } from '../pipeline/message.js';
import type { Middleware } from '../pipeline/context.js';

/** Since the delivery, in milliseconds: RabbitMQ takes a delivery back after 30 minutes, and its channel with it. */
const LONGEST_WAIT = 25 * 60_000;

/**
 * Aborts the handler's signal, and with it its context, when its time is up. The delivery keeps its slot until the
 * handler has settled: a handler that ignores the signal must not be joined by more and more of its kind. One that has not
 * settled after `patience` times its timeout is abandoned: its message has failed with `worker.timeout`. It can commit nothing
 * any more, as its context is revoked and what it returns is not looked at.
 */
export const timeout: Middleware = (next, { name, timeout: limit, signal: ending, late, patience, after, now }) => {
  // one listener for all that run: a listener each would be a list to search at every message
  const running = new Set<Run>();
  const endAll = () => {
    for (const { signal, callOff } of running) {
      signal.abort(errorOf(ending.reason));
      callOff();
    }
  };
  ending.addEventListener('abort', endAll, { once: true });
  return async (message) => {
    const { signal } = message;
    const run: Run = { signal, callOff: () => undefined };
    running.add(run);
    try {
      const work = next(message);
      const outcome = await new Promise<Outcome>((resolve, reject) => {
        work.then(resolve, reject);
        run.callOff = after(limit, () => {
          const tooLate = new FlotillaError('worker.timeout', `${name}, ${formatDuration(limit)}`);
          signal.abort(tooLate);
          late.isOverdue(message);
          if (patience === Infinity) return;
          const left = message.receivedAt + LONGEST_WAIT - now();
          run.callOff = after(Math.max(0, Math.min((patience - 1) * limit, left)), () => {
            late.abandon(message, settled(work));
            reject(tooLate);
          });
        });
      });
      signal.throwIfAborted();
      return outcome;
    } catch (error) {
      // a dependency that never answered is the better explanation of the two
      if (!(error instanceof UnavailableError)) signal.throwIfAborted();
      throw error;
    } finally {
      run.callOff();
      running.delete(run);
      late.isOver(message);
    }
  };
};

interface Run {
  readonly signal: LazySignal;
  callOff: () => void;
}

function settled(work: Promise<unknown>): Promise<void> {
  return work.then(
    () => undefined,
    () => undefined,
  );
}
