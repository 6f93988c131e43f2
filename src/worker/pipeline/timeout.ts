import { FlotillaError, messageOf, UnavailableError } from '../../errors.js';
import type { LazySignal } from '../lazy-signal.js';
import type { Middleware } from '../station.js';
import { formatDuration } from '../../duration.js';

/**
 * Aborts the handler's signal, and with it its context, when its time is up. The delivery keeps its slot until the
 * handler has settled: a handler that ignores the signal must not be joined by more and more of its kind.
 */
export const timeout: Middleware = (next, { name, timeout: limit, signal, overdue, after }) => {
  // one listener for all that run: a listener each would be a list to search at every message
  const running = new Set<LazySignal>();
  const endAll = () => running.forEach((each) => each.abort(asError(signal.reason)));
  signal.addEventListener('abort', endAll, { once: true });
  return async (message) => {
    const { signal } = message;
    const callOff = after(limit, () => {
      overdue.add(message);
      signal.abort(new FlotillaError('worker.timeout', `${name}, ${formatDuration(limit)}`));
    });
    running.add(signal);
    try {
      const outcome = await next(message);
      signal.throwIfAborted();
      return outcome;
    } catch (error) {
      // a dependency that never answered is the better explanation of the two
      if (!(error instanceof UnavailableError)) signal.throwIfAborted();
      throw error;
    } finally {
      callOff();
      running.delete(signal);
      overdue.delete(message);
    }
  };
};

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new FlotillaError('worker.revoked', messageOf(reason));
}
