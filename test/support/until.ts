import { setTimeout as sleep } from 'node:timers/promises';
import { patience } from './patience.js';

export interface UntilOptions {
  /** Milliseconds on an idle machine. @default 60000 */
  limit?: number;
  /** Milliseconds between two probes. @default 20 */
  every?: number;
  signal?: AbortSignal;
}

type Probe<T> = () => T | undefined | false | Promise<T | undefined | false>;

/** Probes until there is a value other than `undefined` and `false`, and resolves with it. An error of a probe counts as no value.
 *  The limit stretches with the load of the machine; when it is over, rejects with `what` and the last error. */
export async function until<T>(
  what: string,
  probe: Probe<T>,
  { limit = 60_000, every = 20, signal }: UntilOptions = {},
): Promise<T> {
  let left = limit;
  for (;;) {
    const began = performance.now();
    let last = '';
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = `: ${String(error)}`;
    }
    signal?.throwIfAborted();
    if (left <= 0) throw new Error(`not within ${limit} ms of an idle machine: ${what}${last}`);
    await sleep(every);
    left -= (performance.now() - began) / patience();
  }
}

/** `until` where the code of the probe says what is awaited. */
export function eventually<T>(probe: Probe<T>, options?: UntilOptions): Promise<T> {
  return until(probe.toString(), probe, options);
}
