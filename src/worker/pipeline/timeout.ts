import { FlotillaError, UnavailableError } from '../../errors.js';
import { LazySignal } from '../lazy-signal.js';
import type { Middleware } from '../station.js';

/**
 * Aborts the handler's signal, and with it its context, when its time is up. The delivery keeps its slot until the
 * handler has settled: a handler that ignores the signal must not be joined by more and more of its kind.
 */
export const timeout: Middleware = (next, { name, timeout: limit, signal, overdue }) => {
  // one listener for all that run: a listener each would be a list to search at every message
  const running = new Set<LazySignal>();
  const endAll = () => running.forEach((each) => each.abort(signal.reason));
  signal.addEventListener('abort', endAll, { once: true });
  return async (message) => {
    const { signal } = message;
    const timer = setTimeout(() => {
      overdue.add(message);
      signal.abort(new FlotillaError('worker.timeout', `${name}, ${limit} ms`));
    }, limit);
    running.add(signal);
    try {
      const outcome = await next(message);
      if (signal.aborted) throw signal.reason;
      return outcome;
    } catch (error) {
      // a dependency that never answered is the better explanation of the two
      if (signal.aborted && !(error instanceof UnavailableError)) throw signal.reason;
      throw error;
    } finally {
      clearTimeout(timer);
      running.delete(signal);
      overdue.delete(message);
    }
  };
};
