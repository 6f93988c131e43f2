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
export async function inTurns<K extends string>(
  rounds: number,
  contestants: Record<K, () => Promise<Speed>>,
): Promise<Record<K, Speed>> {
  const seen: Record<string, Speed[]> = {};
  const entries = Object.entries<() => Promise<Speed>>(contestants);
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of round % 2 === 0 ? entries : [...entries].reverse()) {
      (seen[name] ??= []).push(await run());
    }
  }
  const medianOf = (speeds: Speed[]): Speed => ({
    perSecond: median(speeds.map(({ perSecond }) => perSecond)),
    cpu: median(speeds.map(({ cpu }) => cpu)),
  });
  return Object.fromEntries(entries.map(([name]) => [name, medianOf(seen[name] ?? [])])) as Record<K, Speed>;
}
