/** Buckets of a histogram of delays. The upper bounds are 1, 2, 4, … milliseconds up to 70 minutes; the last bucket has
 *  none. Stored counters depend on this. */
export const DELAY_BUCKETS = 24;
const LAST = DELAY_BUCKETS - 1;
const MAX_BOUND_MS = 2 ** (LAST - 1);

/** The bucket of a delay in milliseconds; the first one for an event from the future, because clocks differ. */
export function delayBucket(delay: number): number {
  if (delay > MAX_BOUND_MS) return LAST;
  return delay <= 1 ? 0 : 32 - Math.clz32(Math.ceil(delay) - 1);
}

/** Estimates the delay in milliseconds that a share of the counted messages did not exceed: linear within a bucket, and
 *  the lower bound of the last one. Undefined without messages. */
export function delayQuantile(buckets: readonly number[], share: number): number | undefined {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return undefined;
  let left = share * total;
  for (const [bucket, count] of buckets.entries()) {
    const lower = bucket === 0 ? 0 : 2 ** (bucket - 1);
    const upper = Math.min(2 ** bucket, MAX_BOUND_MS);
    if (count > 0 && left <= count) return lower + (upper - lower) * (left / count);
    left -= count;
  }
  return MAX_BOUND_MS;
}
