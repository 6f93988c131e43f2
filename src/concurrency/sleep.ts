import { setTimeout } from 'node:timers/promises';

/** Resolves after so many milliseconds, or when the signal aborts; never rejects. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
