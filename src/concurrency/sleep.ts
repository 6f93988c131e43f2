import { systemClock, type StartTimer } from './clock.js';

/** Resolves after so many milliseconds, or when the signal aborts; never rejects. Where an abort is to reject, use
 *  `setTimeout` of `node:timers/promises`. */
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
