/** The timers of this process, by interval in milliseconds. */
const tickers = new Map<number, Ticker>();

/** Calls `work` at an interval in milliseconds, for the first time within one interval. All work of an interval in the
 *  process runs at the same times, so that an idle process wakes up once for all of it. Does not keep the process alive.
 *  Returns a function that ends it. */
export function alignedInterval(milliseconds: number, work: () => void): () => void {
  let ticker = tickers.get(milliseconds);
  if (ticker === undefined) tickers.set(milliseconds, (ticker = new Ticker(milliseconds)));
  return ticker.add(work);
}

/** One timer for all work of an interval. It is set again for each time, because separate or repeated timers drift apart. */
class Ticker {
  readonly #calls = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly interval: number) {}

  add(work: () => void): () => void {
    const call = () => {
      work();
    };
    this.#calls.add(call);
    this.#timer ??= this.#start(this.#untilNext());
    return () => {
      this.#calls.delete(call);
      if (this.#calls.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #untilNext(): number {
    return this.interval - (performance.now() % this.interval);
  }

  #start(delay: number): NodeJS.Timeout {
    return setTimeout(() => {
      const left = this.#untilNext();
      // a timer may fire shortly before its time
      this.#timer = this.#start(left < this.interval / 2 ? left + this.interval : left);
      for (const call of this.#calls) call();
    }, delay).unref();
  }
}
