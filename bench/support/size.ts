/** The number of operations of a benchmark: `count`, or with `BENCH_SHARE=0.01` that share of it, to check only that
 *  the benchmark runs. */
export function sized(count: number): number {
  return Math.max(1, Math.round(count * Number(process.env.BENCH_SHARE ?? 1)));
}
