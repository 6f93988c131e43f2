/** Calls `work` at an interval in milliseconds, at the same times as all other work of this interval in the process: an idle
 *  process wakes up once for all of it. Does not keep the process alive. Returns a function that ends it. */
export function alignedInterval(milliseconds: number, work: () => void): () => void {
  let interval: NodeJS.Timeout | undefined;
  const first = setTimeout(
    () => {
      interval = setInterval(work, milliseconds).unref();
      work();
    },
    milliseconds - (performance.now() % milliseconds),
  ).unref();
  return () => {
    clearTimeout(first);
    clearInterval(interval);
  };
}
