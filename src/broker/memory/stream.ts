import type { ReadStreamOptions, StreamEntry, StreamReader } from '../broker.js';
import type { Fields } from '../messages/amqp-fields.js';
import type { Clock } from '../../concurrency/clock.js';
import type { Content } from './queue.js';

interface StoredMessage extends Content {
  readonly offset: number;
  readonly at: number;
}

/** Simulates a stream of RabbitMQ, as far as this fleet depends on it: retains its newest bytes, delivers them to
 *  any number of readers, and removes nothing on reading. */
export class MemoryStream {
  readonly #entries: StoredMessage[] = [];
  readonly #readers = new Set<MemoryStreamReader>();
  #next = 0;
  #bytes = 0;

  constructor(
    readonly name: string,
    readonly fields: Fields,
    private readonly clock: Clock,
  ) {}

  get depth(): number {
    return this.#entries.length;
  }

  get consumers(): number {
    return this.#readers.size;
  }

  push(content: Content): boolean {
    this.#entries.push({ ...content, offset: this.#next++, at: this.clock.now() });
    this.#bytes += content.body.length;
    const limit = this.fields['x-max-length-bytes'];
    while (typeof limit === 'number' && this.#bytes > limit && this.#entries.length > 1) {
      this.#bytes -= this.#entries.shift()?.body.length ?? 0;
    }
    for (const reader of this.#readers) reader.schedule();
    return true;
  }

  attach(reader: MemoryStreamReader): void {
    this.#readers.add(reader);
    reader.schedule();
  }

  detach(reader: MemoryStreamReader): void {
    this.#readers.delete(reader);
  }

  /** Returns the offset at which reading begins. */
  place(from: ReadStreamOptions['from']): number {
    if (from === 'first') return 0;
    if (from === 'next') return this.#next;
    if (from === 'last') return this.#entries.at(-1)?.offset ?? this.#next;
    if (typeof from === 'number') return from;
    return this.#entries.find(({ at }) => at >= from.getTime())?.offset ?? this.#next;
  }

  /** Returns the first entry at or after an offset. */
  from(offset: number): StoredMessage | undefined {
    const first = this.#entries[0];
    return first === undefined ? undefined : this.#entries[Math.max(0, offset - first.offset)];
  }
}

/** A reader and its channel; the broker attaches it when the stream exists and it is connected. */
export class MemoryStreamReader implements StreamReader {
  #stream: MemoryStream | undefined;
  #next: number | undefined;
  #inFlight = 0;
  #scheduled = false;

  constructor(
    readonly stream: string,
    private readonly options: ReadStreamOptions,
    private readonly onClose: (reader: MemoryStreamReader) => void,
  ) {}

  get reading(): boolean {
    return this.#stream !== undefined;
  }

  attach(stream: MemoryStream): void {
    if (this.#stream === stream) return;
    this.#stream = stream;
    this.options.onBegin?.();
    this.#next ??= stream.place(this.options.from);
    stream.attach(this);
  }

  detach(): void {
    this.#stream?.detach(this);
    this.#stream = undefined;
    this.#inFlight = 0;
  }

  /** Schedules delivery; never in the caller's tick. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  async close(): Promise<void> {
    this.detach();
    this.onClose(this);
  }

  #deliver(): void {
    while (this.#inFlight < this.options.prefetch) {
      const stream = this.#stream;
      const found = stream?.from(this.#next ?? 0);
      if (stream === undefined || found === undefined) return;
      this.#next = found.offset + 1;
      this.#inFlight += 1;
      this.options.onEntry(this.#entry(found, stream));
    }
  }

  #entry({ offset, exchange, routingKey, body, properties }: StoredMessage, stream: MemoryStream): StreamEntry {
    let done = false;
    return {
      offset,
      exchange,
      routingKey,
      messageId: properties.messageId,
      body,
      properties: { ...properties, headers: { ...properties.headers, 'x-stream-offset': offset } },
      done: () => {
        if (done || this.#stream !== stream) return;
        done = true;
        this.#inFlight -= 1;
        this.schedule();
      },
    };
  }
}
