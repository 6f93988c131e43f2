/** Upper bounds of the buckets of a histogram of delays, in milliseconds; a last bucket has no bound. Stored counters
 *  depend on their number: only append to them. */
const BOUNDS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 3_600_000,
];
export const DELAY_BUCKETS = BOUNDS_MS.length + 1;

/** The bucket of a delay in milliseconds. */
export function delayBucket(delay: number): number {
  let bucket = 0;
  while (bucket < BOUNDS_MS.length && delay > (BOUNDS_MS[bucket] ?? 0)) bucket += 1;
  return bucket;
}

/** Estimates the delay in milliseconds that a share of the counted messages did not exceed: linear within a bucket, and
 *  the lower bound of the last one. Undefined without messages. */
export function delayQuantile(buckets: readonly number[], share: number): number | undefined {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return undefined;
  let left = share * total;
  for (const [bucket, count] of buckets.entries()) {
    const lower = BOUNDS_MS[bucket - 1] ?? 0;
    const upper = BOUNDS_MS[bucket] ?? lower;
    if (count > 0 && left <= count) return lower + (upper - lower) * (left / count);
    left -= count;
  }
  return BOUNDS_MS.at(-1);
}
