import type { Broker, Delivery, StreamEntry } from '../broker/contract.js';
import { messageOf } from '../errors.js';
import { Wakeup } from '../concurrency/wakeup.js';
import type { LeaseHolder } from '../store/leases/lease-holder.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { LogAlarms } from './alarms.js';
import { newestEntry } from './bounds.js';
import { logCheckpoint, migrateLogCheckpoints, moveLogCheckpoint } from './checkpoint.js';
import { followVerified } from './follow-verified.js';
import { Hand } from './hand.js';
import { BEFORE_ALL, placeOf, type LogBreak, type LogPlace } from './place.js';
import { Progress } from './progress.js';
import { readByTurns, type LogState } from './read-by-turns.js';

export interface LogFeedOptions {
  store: Store;
  broker: Broker;
  /** The log. */
  stream: string;
  /** Whose place in the log it is. */
  worker: string;
  /** The queue of the worker, as whose messages the entries are given. */
  queue: string;
  /** Where to begin the first time. */
  offset: 'first' | 'next';
  /** Entries given out at once. */
  prefetch: number;
  /** What is to be done with an entry: `handle` it, let it pass because it is for others, or because it is no event. */
  judge: (entry: StreamEntry) => 'handle' | 'pass' | 'no event';
  onDelivery: (delivery: Delivery) => void;
  instance: string;
  logger: Logger;
  metrics: Metrics;
  /** Milliseconds. @default 5000 */
  leaseTtl?: number | undefined;
  /** As `followVerified`. */
  patience?: number;
}

/** Gives entries of the log to a worker, as deliveries. */
export interface LogFeed {
  state: () => LogState;
  /** Gives out nothing more. */
  cancel(): Promise<void>;
  /** Gives out again, so many at once. */
  resume(prefetch?: number): Promise<void>;
  /** Saves the place up to which all is settled, and lets another replica take over. */
  close(): Promise<void>;
}

/** Milliseconds between two saves of the place. */
const SAVE_EVERY = 200;
/** Entries between the first that is unsettled and the last that is read; as many may have been begun when a process has
 *  died, and count as delivered again. */
const SPAN = 2_000;

/** Feeds a worker from the log, in one of the processes that try. What is settled is behind the worker's place in the log
 *  soon after; what is not is given again, here or by whoever takes over, so that every entry is handled at least once. */
export function feedFromLog(options: LogFeedOptions): LogFeed {
  let limit = options.prefetch;
  let isRunning = true;
  let term: Term | undefined;
  const { state, stop } = readByTurns(options, async ({ held, signal, alarms, onPlace }) => {
    term = new Term(options, held, alarms, { limit, isRunning }, onPlace);
    await term.run(signal).finally(() => (term = undefined));
  });
  return {
    state,
    async cancel() {
      isRunning = false;
      term?.hand.pause();
    },
    async resume(prefetch = limit) {
      limit = prefetch;
      isRunning = true;
      term?.hand.resume(prefetch);
    },
    close: stop,
  };
}

/** One process's turn. */
class Term {
  readonly hand: Hand;
  readonly #bell = new Wakeup();
  #progress = new Progress(undefined);
  #saved: LogPlace | undefined;
  #saving: Promise<void> | undefined;
  /** Of the entries that come next, how many may have been begun by a process that has died. */
  #doubtful = SPAN;

  constructor(
    private readonly options: LogFeedOptions,
    private readonly held: LeaseHolder,
    private readonly alarms: LogAlarms,
    { limit, isRunning }: { limit: number; isRunning: boolean },
    private readonly onPlace: (offset: number) => void,
  ) {
    const { queue, onDelivery } = options;
    this.hand = new Hand(limit, isRunning, { queue, onDelivery, onRoom: () => this.#bell.notify() });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { broker, stream, patience, prefetch } = this.options;
    const ring = () => this.#bell.notify();
    signal.addEventListener('abort', ring);
    const saving = setInterval(() => this.#save(), SAVE_EVERY);
    try {
      const from = await this.#begin();
      const portions = followVerified(broker, stream, {
        from,
        portion: prefetch,
        signal,
        ...(patience !== undefined && { patience }),
      });
      for await (const next of portions) {
        if (next.kind === 'broken') this.#break(next.broken);
        else for (const entry of next.entries) if (!(await this.#take(entry, signal))) break;
      }
    } finally {
      signal.removeEventListener('abort', ring);
      clearInterval(saving);
      await this.#saving;
      this.#save();
      await this.#saving;
      this.hand.end();
    }
  }

  /** Where reading goes on; undefined to begin with the first entry. */
  async #begin(): Promise<LogPlace | undefined> {
    const { store, broker, stream, worker, offset } = this.options;
    await migrateLogCheckpoints(store);
    this.#saved = await logCheckpoint(store.query, worker);
    let place = this.#saved;
    if (place === undefined && offset === 'next') {
      const newest = await newestEntry(broker, stream);
      place = newest === undefined ? BEFORE_ALL : placeOf(newest);
    }
    this.#progress = new Progress(place);
    this.#tell(place ?? BEFORE_ALL);
    return place;
  }

  #tell({ offset }: LogPlace): void {
    this.onPlace(offset);
    this.options.metrics.logOffset.set({ worker: this.options.worker }, offset);
  }

  /** False when the turn is over. */
  async #take(entry: StreamEntry, signal: AbortSignal): Promise<boolean> {
    const { judge, metrics, worker, prefetch } = this.options;
    const verdict = judge(entry);
    const isFull = () => this.#progress.size >= SPAN || (verdict === 'handle' && this.hand.size >= prefetch);
    while (!signal.aborted && isFull()) await this.#bell.wait(SAVE_EVERY * 10);
    if (signal.aborted || !this.held.check()) return false;
    if (verdict === 'no event') metrics.logPassedOver.inc({ worker });
    if (verdict === 'handle') this.hand.put(entry, this.#doubtful > 0, this.#progress.add(placeOf(entry)));
    else this.#progress.pass(placeOf(entry));
    this.#doubtful -= 1;
    return true;
  }

  #break(broken: LogBreak): void {
    this.alarms.raise(broken, 'this worker has not seen them: replay what its inbox does not know');
    if (broken.kind === 'reset') this.#progress = new Progress(BEFORE_ALL);
  }

  #save(): void {
    const { place } = this.#progress;
    if (place === undefined || place === this.#saved || !this.held.check()) return;
    this.#saving ??= this.#move(place).finally(() => (this.#saving = undefined));
  }

  async #move(to: LogPlace): Promise<void> {
    const { store, worker, logger } = this.options;
    try {
      const moved = await store.transaction(({ sql }) => moveLogCheckpoint(sql, worker, this.#saved, to));
      if (!moved) return this.held.lose();
      this.#saved = to;
      this.#tell(to);
    } catch (error) {
      logger.warn('log: the place could not be saved, trying again', { error: messageOf(error) });
    }
  }
}
