/** A number from 0 to 1, derived from a seed and a text. The latency of a hop does not depend on earlier hops, so that
 *  removing a fault changes nothing else. FNV-1a, mixed as in murmur3. */
export function fraction(seed: number, text: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Latencies in whole milliseconds: the n-th latency of a name is always the same for one seed. */
export class Latencies {
  readonly #counts = new Map<string, number>();

  constructor(private readonly seed: number) {}

  /** The latency of a network hop: mostly a few milliseconds, sometimes so long that many other hops overtake it. */
  hop(name: string): number {
    const u = this.fraction(name);
    if (u < 0.7) return 1 + Math.floor((u / 0.7) * 20);
    if (u < 0.92) return 20 + Math.floor(((u - 0.7) / 0.22) * 300);
    return 320 + Math.floor(((u - 0.92) / 0.08) * 3000);
  }

  between(name: string, least: number, most: number): number {
    return least + Math.floor(this.fraction(name) * (most - least));
  }

  /** From 0 to 1. */
  fraction(name: string): number {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return fraction(this.seed, `${name}#${count}`);
  }
}
