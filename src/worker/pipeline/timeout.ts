import { FlotillaError, UnavailableError } from '../../errors.js';
import type { Middleware } from '../station.js';

/**
 * Aborts the handler's signal, and with it its context, when its time is up. The delivery keeps its slot until the
 * handler has settled: a handler that ignores the signal must not be joined by more and more of its kind.
 */
export const timeout: Middleware = (next, { name, timeout: limit, signal, overdue }) => {
  // one listener for all that run: a listener each would be a list to search at every message
  const running = new Set<AbortController>();
  signal.addEventListener('abort', () => running.forEach((controller) => controller.abort(signal.reason)), {
    once: true,
  });
  return async (message) => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      overdue.add(message);
      controller.abort(new FlotillaError('worker.timeout', `${name}, ${limit} ms`));
    }, limit);
    running.add(controller);
    message.signal = controller.signal;
    try {
      const outcome = await next(message);
      controller.signal.throwIfAborted();
      return outcome;
    } catch (error) {
      // a dependency that never answered is the better explanation of the two
      if (controller.signal.aborted && !(error instanceof UnavailableError)) throw controller.signal.reason;
      throw error;
    } finally {
      clearTimeout(timer);
      running.delete(controller);
      overdue.delete(message);
    }
  };
};
