import { median } from './table.js';

/** Speed, and CPU use of this process. */
export interface Speed {
  perSecond: number;
  /** Microseconds of this process's CPU per operation; more reliable than the speed on a busy machine. */
  cpu: number;
}

/** Measures work that performs `count` operations. */
export async function speedOf(count: number, work: () => Promise<void>): Promise<Speed> {
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: count / seconds, cpu: (user + system) / count };
}

/** Runs the variants alternately, so that other load on the machine affects all of them. Resolves with the median of
 *  each. */
export async function measureAlternately<K extends string>(
  rounds: number,
  contestants: Record<K, () => Promise<Speed>>,
): Promise<Record<K, Speed>> {
  const outcomes = await attemptAlternately(rounds, contestants);
  const medians = Object.entries<Speed[] | Error>(outcomes).map(([name, outcome]) => {
    if (outcome instanceof Error) throw outcome;
    return [name, medianSpeed(outcome)];
  });
  return Object.fromEntries(medians) as Record<K, Speed>;
}

/** As `measureAlternately`, with the results of all rounds. A variant that fails is not run again; its outcome is the error. */
export async function attemptAlternately<K extends string, T>(
  rounds: number,
  contestants: Record<K, () => Promise<T>>,
): Promise<Record<K, T[] | Error>> {
  const seen = new Map<string, T[] | Error>();
  const entries = Object.entries<() => Promise<T>>(contestants);
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of round % 2 === 0 ? entries : [...entries].reverse()) {
      const results = seen.get(name) ?? [];
      if (results instanceof Error) continue;
      try {
        seen.set(name, [...results, await run()]);
      } catch (error) {
        seen.set(name, error instanceof Error ? error : new Error(String(error)));
      }
    }
  }
  return Object.fromEntries(seen) as Record<K, T[] | Error>;
}

export function medianSpeed(speeds: readonly Speed[]): Speed {
  return {
    perSecond: median(speeds.map(({ perSecond }) => perSecond)),
    cpu: median(speeds.map(({ cpu }) => cpu)),
  };
}
