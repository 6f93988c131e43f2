import { setTimeout as sleep } from 'node:timers/promises';
import { patience } from './patience.js';

export interface EventuallyOptions {
  /** Milliseconds on an idle machine. @default 40000: less than the limit of a test, so that the probe is reported */
  limit?: number;
  /** Milliseconds between two probes. @default a twentieth of the time that has passed, 20 to 200, and at least the
   *  duration of the probe: it takes processor time from what it waits for */
  every?: number;
  signal?: AbortSignal;
}

/** The longest pause after a slow probe, in milliseconds. */
const MAX_PAUSE = 1000;

type Probe<T> = () => T | undefined | false | Promise<T | undefined | false>;

/** Probes until the value is neither `undefined` nor `false`, and resolves with it. An error of a probe counts as no
 *  value. The limit grows with the load of the machine; after it, rejects with the description (by default the
 *  source of the probe) and the last error. */
export async function eventually<T>(description: string, probe: Probe<T>, options?: EventuallyOptions): Promise<T>;
export async function eventually<T>(probe: Probe<T>, options?: EventuallyOptions): Promise<T>;
export async function eventually<T>(
  ...given: [string, Probe<T>, EventuallyOptions?] | [Probe<T>, EventuallyOptions?]
): Promise<T> {
  const [description, probe, options] = isDescribed(given) ? given : [String(given[0]), ...given];
  const { limit = 40_000, every, signal } = options ?? {};
  const start = performance.now();
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
    const took = Math.min(MAX_PAUSE, performance.now() - began);
    signal?.throwIfAborted();
    if (left <= 0) throw new Error(`not within ${limit} ms of an idle machine: ${description}${last}`);
    await sleep(every ?? Math.max(took, 20, Math.min(200, (performance.now() - start) / 20)));
    left -= (performance.now() - began) / patience();
  }
}

function isDescribed<T>(
  given: [string, Probe<T>, EventuallyOptions?] | [Probe<T>, EventuallyOptions?],
): given is [string, Probe<T>, EventuallyOptions?] {
  return typeof given[0] === 'string';
}
