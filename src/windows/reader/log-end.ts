import type { Broker } from '../../broker/broker.js';
import { lastEntry } from '../../event-log/reading/log-bounds.js';

/** Finds out whether a reader has read everything: the wall clock may close windows only where no unread event can be in
 *  them. */
export class LogEnd {
  /** When the log had no entry that is not read yet; undefined until that is known, and after an interruption. */
  complete: number | undefined;
  #asked: { offset: number; at: number } | undefined;
  #asking = false;
  #interruptions = 0;

  constructor(
    private readonly broker: Pick<Broker, 'readStream' | 'state'>,
    private readonly stream: string,
    private readonly now: () => number,
  ) {}

  /** Whether everything has been read at least once since the last interruption, so that events arrive as they are
   *  published. */
  get isLive(): boolean {
    return this.complete !== undefined;
  }

  /** Records that reading was interrupted. */
  interrupt(): void {
    this.#interruptions += 1;
    this.complete = undefined;
    this.#asked = undefined;
  }

  /** Records the offset up to which everything is read. */
  read(offset: number): void {
    if (this.#asked === undefined || offset < this.#asked.offset) return;
    this.complete = this.#asked.at;
    this.#asked = undefined;
  }

  /** Asks the broker for the end of the log; `read` then determines `complete`. Resolves with whether there is a new
   *  answer; immediately while one is awaited. */
  async ask(readUpTo: number): Promise<boolean> {
    if (this.#asking || this.#asked !== undefined || this.broker.state !== 'ready') return false;
    this.#asking = true;
    const interruptions = this.#interruptions;
    const at = this.now();
    try {
      const newest = await lastEntry(this.broker, this.stream);
      // no answer: the log is empty, or the broker is not reachable
      const offset = newest?.offset ?? (readUpTo < 0 ? -1 : undefined);
      if (offset === undefined || interruptions !== this.#interruptions) return false;
      this.#asked = { offset, at };
      return true;
    } finally {
      this.#asking = false;
    }
  }
}
