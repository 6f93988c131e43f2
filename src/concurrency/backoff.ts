/** Delays that double from `first` to `most` milliseconds, each shortened at random by up to half, so that several
 *  processes that failed together do not come back together. */
export class Backoff {
  #failures = 0;

  constructor(
    private readonly first: number,
    private readonly most: number,
    private readonly random: () => number = Math.random,
  ) {}

  next(): number {
    const delay = Math.min(this.most, this.first * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return delay * (1 - this.random() / 2);
  }

  /** Takes one failure back. */
  ease(): void {
    this.#failures = Math.max(0, this.#failures - 1);
  }

  reset(): void {
    this.#failures = 0;
  }
}
