import { setTimeout } from 'node:timers/promises';
import { isBusy, storeError } from '../sqlite-errors.js';

/** Maximum wait for a lock that also blocks readers: another process recovers or closes the file. */
const LOCK_TIMEOUT_MS = 10_000;

/** Runs `step` immediately, and again after a random delay while the file is locked. Rejects with registered errors. */
export function retryWhileBusy<T>(step: () => T): Promise<T> {
  try {
    return Promise.resolve(step());
  } catch (error) {
    return isBusy(error) ? again(step) : Promise.reject(storeError(error));
  }
}

async function again<T>(step: () => T): Promise<T> {
  const deadline = performance.now() + LOCK_TIMEOUT_MS;
  for (let wait = 1; ; wait = Math.min(wait * 1.5, 20)) {
    await setTimeout(0.5 + Math.random() * wait);
    try {
      return step();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw storeError(error);
    }
  }
}
