import type { Broker, StreamEntry, StreamOffset } from '../broker/contract.js';

/** One reading of the log without an interruption, and what has come and was not taken yet. */
export class Reading {
  /** The reader has begun anew, so that what comes now may be of another log. */
  interrupted = false;
  readonly #arrived: StreamEntry[] = [];
  readonly #reader: { readonly reading: boolean; close(): Promise<void> };
  #begun = false;

  constructor(
    broker: Pick<Broker, 'readStream'>,
    stream: string,
    options: { from: StreamOffset; prefetch: number; ring: () => void },
  ) {
    const { from, prefetch, ring } = options;
    this.#reader = broker.readStream(stream, {
      from,
      prefetch,
      onBegin: () => {
        this.interrupted = this.#begun;
        this.#begun = true;
        ring();
      },
      onEntry: (entry) => {
        if (!this.interrupted) this.#arrived.push(entry);
        ring();
      },
    });
  }

  /** Whether the broker knows of it right now. */
  get reading(): boolean {
    return this.#reader.reading;
  }

  /** The next one, which stays. */
  get next(): StreamEntry | undefined {
    return this.#arrived[0];
  }

  /** What is there, at most so many. */
  take(most: number): StreamEntry[] {
    return this.#arrived.splice(0, most);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}
