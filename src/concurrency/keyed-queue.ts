/** A task that has passed its turn to the next one. */
export interface Predecessor<Handover> {
  /** What it has handed over. Undefined: nothing, or it has ended. */
  readonly handover: Handover | undefined;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

/** Runs one task at a time for each key, in the order of the calls; tasks of different keys run concurrently. A failure
 *  rejects only the promise of its own task. A task may pass its turn before it settles, and hand something over to the
 *  next one. */
export class KeyedQueue<Handover = undefined> {
  readonly #last = new Map<string, Task<Handover>>();

  /** The number of keys with unfinished tasks. */
  get size(): number {
    return this.#last.size;
  }

  /** Whether a key has unfinished tasks. */
  has(key: string): boolean {
    return this.#last.has(key);
  }

  /** `before`: the task before, which has passed its turn; undefined if it has ended. */
  async run<T>(
    key: string,
    work: (pass: (handover?: Handover) => void, before: Predecessor<Handover> | undefined) => Promise<T>,
  ): Promise<T> {
    const before = this.#last.get(key);
    const task = new Task<Handover>();
    this.#last.set(key, task);
    try {
      if (before !== undefined) await before.passed;
      return await work(task.pass, before);
    } finally {
      task.end();
      if (this.#last.get(key) === task) this.#last.delete(key);
    }
  }
}

class Task<Handover> implements Predecessor<Handover> {
  readonly passed: Promise<void>;
  readonly ended: Promise<void>;
  handover: Handover | undefined;
  #pass = () => {};
  #end = () => {};

  constructor() {
    this.passed = new Promise((resolve) => (this.#pass = resolve));
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  readonly pass = (handover?: Handover): void => {
    this.handover = handover;
    this.#pass();
  };

  end(): void {
    this.pass();
    this.#end();
  }
}
