import type { Broker, StreamEntry, StreamOffset } from '../../broker/broker.js';

/** One uninterrupted read of the log, with the entries that have arrived and were not taken yet. */
export class LogSubscription {
  /** The subscription was renewed, so that later entries may belong to a recreated stream. */
  interrupted = false;
  readonly #arrived: StreamEntry[] = [];
  readonly #reader: { readonly reading: boolean; close(): Promise<void> };
  #begun = false;

  constructor(
    broker: Pick<Broker, 'readStream'>,
    stream: string,
    options: { from: StreamOffset; prefetch: number; wake: () => void },
  ) {
    const { from, prefetch, wake } = options;
    this.#reader = broker.readStream(stream, {
      from,
      prefetch,
      onBegin: () => {
        this.interrupted = this.#begun;
        this.#begun = true;
        wake();
      },
      onEntry: (entry) => {
        if (!this.interrupted) this.#arrived.push(entry);
        wake();
      },
    });
  }

  /** Whether the subscription is active. */
  get reading(): boolean {
    return this.#reader.reading;
  }

  /** The number of entries that have arrived and were not taken. */
  get waiting(): number {
    return this.#arrived.length;
  }

  /** The next entry, without taking it. */
  get next(): StreamEntry | undefined {
    return this.#arrived[0];
  }

  /** Takes the entries that have arrived, at most `most`. */
  take(most: number): StreamEntry[] {
    return this.#arrived.splice(0, most);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}
