import type { ConsumerHandlers } from './kafka-client.js';

interface Progress {
  /** The offset behind the last record that librdkafka has handed over, or where reading began; undefined: unknown. */
  next: bigint | undefined;
  /** The offset behind everything that the partition had when it was read to its end. */
  end: bigint | undefined;
  /** The offset behind the last record that is processed. */
  processed: bigint | undefined;
}

export interface PartitionEndsOptions {
  onSkipped: NonNullable<ConsumerHandlers['onSkipped']>;
  /** Finds out where the consumer began to read an assigned partition. */
  startOf: (topic: string, partition: number) => Promise<bigint | undefined>;
}

/** Finds the offsets without a record, such as the ends of transactions. librdkafka does not report them, only that it has
 *  read a partition to its end. */
export class PartitionEnds {
  readonly #progress = new Map<string, Progress>();

  constructor(private readonly options: PartitionEndsOptions) {}

  /** Records that librdkafka has handed over a record. It may wait before it is processed. */
  delivered(topic: string, partition: number, record: bigint): void {
    const progress = this.#of(topic, partition);
    progress.next = record + 1n;
    progress.end = undefined;
  }

  /** Records that `end` is the next offset of the partition, and everything before it is handed over. */
  reached(topic: string, partition: number, end: bigint): void {
    const progress = this.#of(topic, partition);
    progress.end = end;
    if (progress.next !== undefined) return this.#report(topic, partition, progress);
    void this.options.startOf(topic, partition).then(
      (start) => {
        if (progress.next === undefined && start !== undefined) this.#begin(progress, start);
        this.#report(topic, partition, progress);
      },
      () => undefined, // reported with the next record
    );
  }

  /** The last offset of a batch with this last record: that before the end of the partition if no record follows. */
  lastOffset(topic: string, partition: number, record: bigint): bigint {
    const { next, end } = this.#of(topic, partition);
    return next === record + 1n && end !== undefined ? end - 1n : record;
  }

  /** Records that everything up to this record is processed. */
  processed(topic: string, partition: number, record: bigint): void {
    const progress = this.#of(topic, partition);
    progress.processed = record + 1n;
    this.#report(topic, partition, progress);
  }

  /** Records that reading continues at an offset. */
  sought(topic: string, partition: number, offset: bigint): void {
    const progress = this.#of(topic, partition);
    this.#begin(progress, offset);
    progress.end = undefined;
  }

  clear(): void {
    this.#progress.clear();
  }

  #begin(progress: Progress, offset: bigint): void {
    progress.next = offset;
    progress.processed = offset;
  }

  #report(topic: string, partition: number, { next, end, processed }: Progress): void {
    if (next === undefined || end === undefined || processed !== next || end <= next) return;
    this.options.onSkipped(topic, partition, { first: next, last: end - 1n });
  }

  #of(topic: string, partition: number): Progress {
    const name = `${topic}/${partition}`;
    const known = this.#progress.get(name);
    if (known !== undefined) return known;
    const made: Progress = { next: undefined, end: undefined, processed: undefined };
    this.#progress.set(name, made);
    return made;
  }
}
