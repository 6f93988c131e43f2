export interface BackoffLimits {
  /** Milliseconds after the first failure. */
  first: number;
  /** Maximum in milliseconds. */
  most: number;
}

/** Returns the milliseconds to wait after this many consecutive failures: doubling from `first` to `most`, shortened
 *  at random by up to half, so that processes that failed together do not retry together. */
export function backoffDelay(failures: number, { first, most }: BackoffLimits, random = Math.random): number {
  const delay = Math.min(most, first * 2 ** Math.min(Math.max(failures - 1, 0), 30));
  return delay * (1 - random() / 2);
}

/** Counts consecutive failures and computes the delay after each. */
export class Backoff {
  #failures = 0;
  readonly #limits: BackoffLimits;

  constructor(
    first: number,
    most: number,
    private readonly random: () => number = Math.random,
  ) {
    this.#limits = { first, most };
  }

  next(): number {
    this.#failures += 1;
    return backoffDelay(this.#failures, this.#limits, this.random);
  }

  /** Discounts one failure. */
  ease(): void {
    this.#failures = Math.max(0, this.#failures - 1);
  }

  reset(): void {
    this.#failures = 0;
  }
}
