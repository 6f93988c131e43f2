import { systemClock, type Clock } from '../concurrency/clock.js';
import { messageOf } from '../errors.js';
import type { EventEnvelope } from '../events/envelope.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import { DELAY_BUCKETS, delayBucket } from './delays.js';
import { addHandled, joinHandled, migrateHandled, type HandledCount } from './handled-table.js';

/** Milliseconds from a count in memory to its commit. */
export const FLUSH_INTERVAL_MS = 10_000;
/** Sources of events whose sources are not known in advance. */
const MAX_SOURCES = 100;
const OTHER = 'other';
/** Of each type, source and reader, between two commits: the first delays are measured, and later one of several, because
 *  parsing its time costs twice as much as the rest of a count. A prime: messages of two kinds often alternate. */
const ALL_MEASURED = 32;
const ONE_OF = 7;

type Handled = Pick<EventEnvelope, 'source' | 'type' | 'time'>;

/** Counts a message that a reader has handled, at a time in milliseconds since the epoch. */
export type CountHandled = (event: Handled, now: number) => void;

interface Counter {
  count: number;
  firstAt: number;
  lastAt: number;
  /** By bucket, as a sample. */
  delays: number[];
}

/** Counts what the readers of one store handle. A count costs no commit: counts are kept in memory and committed
 *  together every 10 seconds while there are new ones, and by `stop`. A process that is killed loses the counts since its
 *  last commit. Safe in several processes with the same store. */
export class HandledCounter {
  readonly #counters = new Map<string, Map<string, Map<string, Counter>>>();
  readonly #fault: FaultLog;
  #cancel: (() => void) | undefined;
  #flushing = Promise.resolve();

  private constructor(
    private readonly store: Pick<Store, 'transaction' | 'service'>,
    logger: Logger,
    private readonly clock: Pick<Clock, 'after'>,
  ) {
    this.#fault = new FaultLog(logger);
  }

  /** Creates the table of the store. */
  static async open(
    store: Pick<Store, 'transaction' | 'service' | 'migrate'>,
    { logger, clock = systemClock }: { logger: Logger; clock?: Pick<Clock, 'after'> },
  ): Promise<HandledCounter> {
    await migrateHandled(store);
    return new HandledCounter(store, logger, clock);
  }

  /** Returns the function that counts for a reader: the name of a worker or a projection. */
  of(reader: string): CountHandled {
    const sources = this.#counters.get(reader) ?? new Map<string, Map<string, Counter>>();
    this.#counters.set(reader, sources);
    return (event, now) => {
      const counter = sources.get(event.source)?.get(event.type) ?? this.#addCounter(sources, event, now);
      counter.count += 1;
      counter.lastAt = now;
      const weight = counter.count <= ALL_MEASURED ? 1 : ONE_OF;
      if (weight === ONE_OF && counter.count % ONE_OF !== 0) return;
      const bucket = delayBucket(now - Date.parse(event.time));
      counter.delays[bucket] = (counter.delays[bucket] ?? 0) + weight;
    };
  }

  #addCounter(sources: Map<string, Map<string, Counter>>, { source, type }: Handled, now: number): Counter {
    this.#cancel ??= this.clock.after(FLUSH_INTERVAL_MS, () => void this.flush());
    const known = sources.has(source) || sources.size < MAX_SOURCES ? source : OTHER;
    const types = sources.get(known) ?? new Map<string, Counter>();
    sources.set(known, types);
    const delays = new Array<number>(DELAY_BUCKETS).fill(0);
    const counter = types.get(type) ?? { count: 0, firstAt: now, lastAt: now, delays };
    types.set(type, counter);
    return counter;
  }

  /** Commits the counts. Never rejects: if the store fails, they are committed later. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#flushing = this.#flushing.then(() => this.#commit());
    await this.#flushing;
  }

  /** Commits the counts for the last time. */
  async stop(): Promise<void> {
    await this.flush();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async #commit(): Promise<void> {
    const taken = this.#take();
    if (taken.length === 0) return;
    try {
      await this.store.transaction(({ sql }) => addHandled(sql, taken));
      this.#fault.recovered('counts of handled messages are stored again');
    } catch (error) {
      this.#fault.failed('counts of handled messages were not stored; retrying', {
        store: this.store.service,
        error: messageOf(error),
      });
      for (const count of taken) this.#giveBack(count);
      this.#cancel ??= this.clock.after(FLUSH_INTERVAL_MS, () => void this.flush());
    }
  }

  #take(): HandledCount[] {
    const taken = [...this.#counters].flatMap(([reader, sources]) =>
      [...sources].flatMap(([source, types]) =>
        [...types].map(([type, { delays, ...counter }]) => ({
          reader,
          source,
          type,
          ...counter,
          delays: { at: counter.lastAt, sums: scaled(delays, counter.count) },
        })),
      ),
    );
    for (const sources of this.#counters.values()) sources.clear();
    return taken;
  }

  #giveBack(count: HandledCount): void {
    const { reader, source, type } = count;
    const sources = this.#counters.get(reader);
    const types = sources?.get(source) ?? new Map<string, Counter>();
    const since = types.get(type);
    const newer = since && { ...count, ...since, delays: { at: since.lastAt, sums: since.delays } };
    const { delays, ...joined } = newer === undefined ? count : joinHandled(count, newer);
    types.set(type, { ...joined, delays: [...delays.sums] });
    sources?.set(source, types);
  }
}

/** Scales a sample to the number of messages that it stands for. */
function scaled(weights: readonly number[], count: number): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => (weight * count) / total);
}
