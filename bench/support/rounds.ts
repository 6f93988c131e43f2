import { median } from './table.js';

/** Runs the contestants in turns, so that a busy moment of the machine hits both; gives the median of each. */
export async function inTurns<K extends string>(
  rounds: number,
  contestants: Record<K, () => Promise<number>>,
): Promise<Record<K, number>> {
  const seen: Record<string, number[]> = {};
  const entries = Object.entries<() => Promise<number>>(contestants);
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of round % 2 === 0 ? entries : [...entries].reverse()) {
      (seen[name] ??= []).push(await run());
    }
  }
  return Object.fromEntries(entries.map(([name]) => [name, median(seen[name] ?? [])])) as Record<K, number>;
}
