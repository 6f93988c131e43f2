/** How many there are of what is measured: as many as said, or a share of it to see whether the bench runs at all
 *  (`BENCH_SHARE=0.01`; its numbers mean nothing). */
export function sized(count: number): number {
  return Math.max(1, Math.round(count * Number(process.env.BENCH_SHARE ?? 1)));
}
