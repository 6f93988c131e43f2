/** Runs `work` for every item, `lanes` of them at a time, started in order. A slow item delays only its own lane.
 *  Rejects with the first failure of `work`, after which no further item is started. */
export async function forEachParallel<T>(
  items: Iterable<T>,
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  let failed = false;
  const lane = async () => {
    for (let next = queue.shift(); next !== undefined && !failed; next = queue.shift()) {
      await work(next).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
