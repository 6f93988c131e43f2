import type { Clock } from '../../concurrency/clock.js';

/** A subject with more than one in this many messages of a partition is always among those that are reported. */
const COUNTERS = 20;
/** Reported are the messages of the last one to two windows. */
const WINDOW_MS = 60_000;

/** How often a subject occurred. */
export interface SubjectCount {
  subject: string;
  /** At least this often; at most `1 / COUNTERS` of all messages more. */
  count: number;
}

/** The messages of a partition in the last one to two minutes. */
export interface PartitionTraffic {
  messages: number;
  /** The most frequent ones first. */
  subjects: SubjectCount[];
}

/** Counts the subjects of the messages of each partition, in memory of a fixed size. */
export class HotSubjects {
  readonly #partitions = new Map<string, RecentSubjects>();

  constructor(private readonly clock: Pick<Clock, 'elapsed'>) {}

  count(queue: string, subject: string): void {
    let partition = this.#partitions.get(queue);
    if (partition === undefined) this.#partitions.set(queue, (partition = new RecentSubjects()));
    partition.count(subject, this.clock.elapsed());
  }

  of(queue: string): PartitionTraffic {
    return this.#partitions.get(queue)?.recent(this.clock.elapsed()) ?? { messages: 0, subjects: [] };
  }
}

/** The subjects of the current and of the previous window. */
class RecentSubjects {
  #previous = new SpaceSaving();
  #current = new SpaceSaving();
  #begun = -Infinity;

  count(subject: string, now: number): void {
    this.#turnTo(now);
    this.#current.count(subject);
  }

  recent(now: number): PartitionTraffic {
    this.#turnTo(now);
    const counts = new Map(this.#previous.counts());
    for (const [subject, count] of this.#current.counts()) counts.set(subject, (counts.get(subject) ?? 0) + count);
    const subjects = [...counts].map(([subject, count]) => ({ subject, count })).sort((a, b) => b.count - a.count);
    return { messages: this.#previous.total + this.#current.total, subjects: subjects.slice(0, COUNTERS) };
  }

  #turnTo(now: number): void {
    const age = now - this.#begun;
    if (age < WINDOW_MS) return;
    this.#previous = age < 2 * WINDOW_MS ? this.#current : new SpaceSaving();
    this.#current = new SpaceSaving();
    this.#begun = now;
  }
}

/** The algorithm Space-Saving (Metwally, Agrawal, El Abbadi, 2005): the counter of the rarest subject passes to a new one. */
class SpaceSaving {
  total = 0;
  readonly #counters = new Map<string, { count: number; error: number }>();

  count(subject: string): void {
    this.total += 1;
    const counter = this.#counters.get(subject);
    if (counter !== undefined) counter.count += 1;
    else if (this.#counters.size < COUNTERS) this.#counters.set(subject, { count: 1, error: 0 });
    else this.#replaceRarest(subject);
  }

  /** How often each subject occurred at least. */
  counts(): [string, number][] {
    return [...this.#counters].map(([subject, { count, error }]) => [subject, count - error]);
  }

  #replaceRarest(subject: string): void {
    let [rarest, least] = ['', Infinity];
    for (const [each, { count }] of this.#counters) if (count < least) [rarest, least] = [each, count];
    this.#counters.delete(rarest);
    this.#counters.set(subject, { count: least + 1, error: least });
  }
}
