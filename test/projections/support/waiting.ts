import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT = 20_000;

/** Looks until it is so; rejects after 20 seconds. */
export async function until(look: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + LIMIT;
  while (!(await look())) {
    if (Date.now() > end) throw new Error(`not within ${LIMIT} ms: ${look.toString()}`);
    await sleep(5);
  }
}

/** What a promise is rejected with; rejects itself where it is not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It was not rejected');
}
