import { systemClock, type StartTimer } from './clock.js';

/** Resolves after a number of milliseconds, or when the signal aborts. Never rejects; use `setTimeout` of
 *  `node:timers/promises` if an abort must reject. */
export function sleep(
  milliseconds: number,
  signal?: AbortSignal,
  after: StartTimer = systemClock.after,
): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = after(milliseconds, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
