import type { KafkaAdmin, PartitionBounds } from '../client/kafka-client.js';

/** The name of a partition as a source of the watermark. */
export function partitionName(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/** How far partitions are read, compared with their ends: the wall clock may close windows only where no unread record can
 *  be in them. */
export class ReadPositions {
  /** When no partition had a record that is not read yet; undefined until that is known. */
  complete: number | undefined;
  readonly #next = new Map<string, bigint>();
  #asked: { ends: ReadonlyMap<string, bigint>; at: number } | undefined;

  /** Records that everything before `next` is read. */
  read(name: string, next: bigint): void {
    this.#next.set(name, next);
    this.#compare();
  }

  /** Records that these offsets contain no record. */
  skip(name: string, { first, last }: { first: bigint; last: bigint }): void {
    const next = this.#next.get(name);
    if (next === undefined || (first <= next && last >= next)) this.read(name, last + 1n);
  }

  /** The offset behind what is read; undefined for a partition that was never read. */
  next(name: string): bigint | undefined {
    return this.#next.get(name);
  }

  /** Asks for the ends of the topics, and returns those of the partitions with records that are not read. `now` is a time
   *  before the call. */
  async ask(admin: KafkaAdmin, topics: readonly string[], now: number): Promise<ReadonlyMap<string, bigint>> {
    const ends = new Map<string, bigint>();
    for (const topic of topics) {
      for (const bounds of await admin.bounds(topic)) {
        const name = partitionName(topic, bounds.partition);
        if (!this.#isRead(name, bounds)) ends.set(name, bounds.high);
      }
    }
    this.#asked = { ends, at: now };
    this.#compare();
    return ends;
  }

  /** A partition that was never read begins at its first record, whatever that is. */
  #isRead(name: string, { low, high }: PartitionBounds): boolean {
    return (this.#next.get(name) ?? low) >= high;
  }

  #compare(): void {
    if (this.#asked === undefined) return;
    for (const [name, end] of this.#asked.ends) if ((this.#next.get(name) ?? -1n) < end) return;
    this.complete = this.#asked.at;
    this.#asked = undefined;
  }
}
