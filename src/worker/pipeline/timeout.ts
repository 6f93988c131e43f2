import { FlotillaError, UnavailableError } from '../../errors.js';
import type { Middleware } from '../station.js';

/**
 * Aborts the handler's signal, and with it its context, when its time is up. The delivery keeps its slot until the
 * handler has settled: a handler that ignores the signal must not be joined by more and more of its kind.
 */
export const timeout: Middleware = (next, { name, timeout: limit, signal, overdue }) => async (message) => {
  const controller = new AbortController();
  const end = () => controller.abort(signal.reason);
  const timer = setTimeout(() => {
    overdue.add(message);
    controller.abort(new FlotillaError('worker.timeout', `${name}, ${limit} ms`));
  }, limit);
  signal.addEventListener('abort', end, { once: true });
  message.signal = controller.signal;
  try {
    const outcome = await next(message);
    controller.signal.throwIfAborted();
    return outcome;
  } catch (error) {
    // A dependency that never answered is the better explanation of the two.
    if (controller.signal.aborted && !(error instanceof UnavailableError)) throw controller.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    overdue.delete(message);
  }
};
