/** Statistics of numbers: their count, mean, sum of squared differences from the mean, minimum and maximum. */
export interface Statistics {
  n: number;
  mean: number;
  m2: number;
  min: number | null;
  max: number | null;
}

export interface StatisticsSummary {
  count: number;
  mean: number;
  min: number;
  max: number;
  /** Of the sample (n − 1); 0 for a single number. */
  standardDeviation: number;
}

/** Statistics as the state of a window: `initial: statistics.initial, merge: statistics.merge`. Minimum and maximum are
 *  exact; mean and deviation have no drift, because nothing is ever subtracted. */
export const statistics = {
  initial: (): Statistics => ({ n: 0, mean: 0, m2: 0, min: null, max: null }),

  /** Adds a number to the state, by Welford's method, and returns it. Throws a `RangeError` for a value that is not a
   *  finite number. */
  add: (state: Statistics, value: number): Statistics => {
    if (!Number.isFinite(value)) throw new RangeError('Statistics are of finite numbers');
    state.n += 1;
    const delta = value - state.mean;
    state.mean += delta / state.n;
    state.m2 += delta * (value - state.mean);
    state.min = state.min === null ? value : Math.min(state.min, value);
    state.max = state.max === null ? value : Math.max(state.max, value);
    return state;
  },

  /** Returns the statistics of both, by the method of Chan, Golub and LeVeque. */
  merge: (a: Statistics, b: Statistics): Statistics => {
    if (a.n === 0) return { ...b };
    if (b.n === 0) return { ...a };
    const n = a.n + b.n;
    const delta = b.mean - a.mean;
    return {
      n,
      mean: a.mean + (delta * b.n) / n,
      m2: a.m2 + b.m2 + (delta * delta * a.n * b.n) / n,
      min: Math.min(a.min ?? Infinity, b.min ?? Infinity),
      max: Math.max(a.max ?? -Infinity, b.max ?? -Infinity),
    };
  },

  /** Throws a `RangeError` without numbers. */
  summary: ({ n, mean, m2, min, max }: Statistics): StatisticsSummary => {
    if (min === null || max === null) throw new RangeError('There are no statistics of no numbers');
    return { count: n, mean, min, max, standardDeviation: n < 2 ? 0 : Math.sqrt(m2 / (n - 1)) };
  },
};
