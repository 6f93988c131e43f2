/** A DDSketch: counts of numbers in buckets whose bounds grow by a constant factor. JSON. */
export interface Quantiles {
  /** By bucket. Bucket i contains the numbers from γ^(i−1), exclusive, to γ^i. */
  positive: Record<string, number>;
  /** Of the absolute values. */
  negative: Record<string, number>;
  zero: number;
}

/** The relative error of a quantile. */
const ACCURACY = 0.01;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
/** 2,048 buckets of 1 % cover 17 orders of magnitude. */
const MAX_BUCKETS = 2_048;
/** Smaller absolute values count as 0. */
const SMALLEST = 1e-9;

/** Quantiles as the state of a window, within 1 % of the exact value: `initial: quantiles.initial`,
 *  `merge: quantiles.merge`. A DDSketch (Masson, Rim and Lee, https://arxiv.org/abs/1908.10693). With more than 2,048
 *  buckets the lowest are joined, and the lowest quantiles lose accuracy. */
export const quantiles = {
  initial: (): Quantiles => ({ positive: {}, negative: {}, zero: 0 }),

  /** Adds a number to the state and returns it. Throws a `RangeError` for a value that is not a finite number. */
  add: (state: Quantiles, value: number): Quantiles => {
    if (!Number.isFinite(value)) throw new RangeError('Quantiles are of finite numbers');
    if (Math.abs(value) < SMALLEST) state.zero += 1;
    else {
      const buckets = value > 0 ? state.positive : state.negative;
      const index = Math.ceil(Math.log(Math.abs(value)) / LOG_GAMMA);
      const isNew = !(index in buckets);
      buckets[index] = (buckets[index] ?? 0) + 1;
      if (isNew) joinLowest(buckets);
    }
    return state;
  },

  merge: (a: Quantiles, b: Quantiles): Quantiles => {
    const merged = { positive: { ...a.positive }, negative: { ...a.negative }, zero: a.zero + b.zero };
    for (const side of ['positive', 'negative'] as const) {
      for (const [index, count] of Object.entries(b[side])) merged[side][index] = (merged[side][index] ?? 0) + count;
      joinLowest(merged[side]);
    }
    return merged;
  },

  /** Returns the value below which the part `q` (0 to 1) of the numbers is; undefined without numbers. */
  at: ({ positive, negative, zero }: Quantiles, q: number): number | undefined => {
    const ascending = [
      ...sorted(negative)
        .reverse()
        .map(([index, count]) => [-valueOf(index), count] as const),
      [0, zero] as const,
      ...sorted(positive).map(([index, count]) => [valueOf(index), count] as const),
    ];
    const total = ascending.reduce((sum, [, count]) => sum + count, 0);
    let rank = q * (total - 1);
    for (const [value, count] of ascending) {
      if (count > 0 && rank < count) return value;
      rank -= count;
    }
    return undefined;
  },
};

/** The middle of a bucket: no number in it differs by more than the accuracy. */
function valueOf(index: number): number {
  return (2 * GAMMA ** index) / (GAMMA + 1);
}

function sorted(buckets: Record<string, number>): [number, number][] {
  return Object.entries(buckets)
    .map(([index, count]): [number, number] => [Number(index), count])
    .sort(([a], [b]) => a - b);
}

function joinLowest(buckets: Record<string, number>): void {
  if (Object.keys(buckets).length <= MAX_BUCKETS) return;
  const [lowest, next] = sorted(buckets);
  if (lowest === undefined || next === undefined) return;
  buckets[next[0]] = lowest[1] + next[1];
  delete buckets[lowest[0]];
}
