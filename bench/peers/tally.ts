import { CONSUMERS, type Consumer, type Order } from './peer.js';

const ALL = (1 << CONSUMERS.length) - 1;

/** The handler of every consumer: counts the handled orders, and fails as an order demands. */
export class Tally {
  /** The consumers that have handled an order, as bits. */
  readonly #handled = new Map<string, number>();
  readonly #failedOnce = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #done = 0;
  #repeated = 0;

  /** Handles an order for a consumer. Throws if the order is to fail. */
  handle(consumer: Consumer, { id, fails }: Order): void {
    if (fails === 'always') throw new Error('the order always fails');
    const delivery = `${consumer} ${id}`;
    if (fails === 'once' && !this.#failedOnce.has(delivery)) {
      this.#failedOnce.add(delivery);
      throw new Error('the order fails at the first attempt');
    }
    const before = this.#handled.get(id) ?? 0;
    const after = before | (1 << CONSUMERS.indexOf(consumer));
    if (after === before) this.#repeated += 1;
    this.#handled.set(id, after);
    if (after !== ALL || before === ALL) return;
    this.#done += 1;
    for (const check of this.#waiting) check();
  }

  /** Resolves when all three consumers have handled this many orders since the start. */
  done(orders: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#done < orders) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Orders that all three consumers have handled, and deliveries that a consumer had handled before. */
  counts(): { done: number; repeated: number } {
    return { done: this.#done, repeated: this.#repeated };
  }
}
