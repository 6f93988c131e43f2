/** The time in which the weight of an event falls to 1/e. */
const MEMORY_MS = 3_600_000;

/** Sums in which an event has the weight 1 at its time and less as it gets older, so that they describe about the last
 *  hour without a list of events. The order of additions does not matter. */
export interface Recent {
  /** The time of the weights, in milliseconds since the epoch. */
  readonly at: number;
  readonly sums: readonly number[];
}

/** Adds two recent sums of the same length. */
export function addRecent(a: Recent, b: Recent): Recent {
  const at = Math.max(a.at, b.at);
  const [ofA, ofB] = [weight(at - a.at), weight(at - b.at)];
  const length = Math.max(a.sums.length, b.sums.length);
  return { at, sums: Array.from({ length }, (_, index) => (a.sums[index] ?? 0) * ofA + (b.sums[index] ?? 0) * ofB) };
}

/** The number of events per hour, averaged over about the last hour before `now`. */
export function perHour({ at, sums }: Recent, now: number): number {
  return (sums.reduce((total, sum) => total + sum, 0) * weight(Math.max(0, now - at)) * 3_600_000) / MEMORY_MS;
}

function weight(age: number): number {
  return Math.exp(-age / MEMORY_MS);
}
