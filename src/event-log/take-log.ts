import type { Broker } from '../broker/contract.js';
import type { VerifyPublisher } from '../broker/publishers.js';
import type { Definitions } from '../events/definitions.js';
import { messageOf } from '../errors.js';
import { failpoint } from '../failpoints.js';
import { Backoff } from '../concurrency/backoff.js';
import { Wakeup } from '../concurrency/wakeup.js';
import type { LeaseHolder } from '../store/leases/lease-holder.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store, Tx } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { LogAlarms } from './alarms.js';
import { logCheckpoint, migrateLogCheckpoints, moveLogCheckpoint } from './checkpoint.js';
import { followVerified } from './follow-verified.js';
import { BEFORE_ALL, placeOf, type LogBreak, type LogPlace } from './place.js';
import { readByTurns, type LogState } from './read-by-turns.js';
import type { History, LogTaker } from './taker.js';
import { isAccepted } from './verified-entry.js';

export interface TakeLogOptions {
  store: Store;
  broker: Broker;
  /** The log. */
  stream: string;
  /** Whose place in the log it is. */
  worker: string;
  instance: string;
  history?: History | undefined;
  /** What does not come from its publisher is passed over. */
  verify?: VerifyPublisher | undefined;
  /** What is not signed is passed over, unless its type is open to its source. @default no type is open */
  definitions?: Definitions | undefined;
  logger: Logger;
  metrics: Metrics;
  /** Entries in one transaction at most. @default 500 */
  portion?: number;
  /** Milliseconds. @default 5000 */
  leaseTtl?: number | undefined;
  /** As `followVerified`. */
  patience?: number;
}

const NO_HISTORY: History = { services: [], open: () => Promise.resolve(undefined) };

/** A store that does not open is out of reach: the others are not, nor is the log. */
function asFarAsItOpens(history: History, logger: Logger): History {
  return {
    services: history.services,
    async open(service) {
      try {
        return await history.open(service);
      } catch (error) {
        logger.warn('log: the store of a service does not open', { service, error: messageOf(error) });
        return undefined;
      }
    },
  };
}

/** Gives the log to a taker, a portion and the place after it in one transaction, in one of the processes that try. */
export function takeLog(
  taker: LogTaker,
  options: TakeLogOptions,
): { state: () => LogState; stop: () => Promise<void> } {
  return readByTurns(options, ({ held, signal, alarms, onPlace }) =>
    new Term(taker, options, held, signal, alarms, onPlace).run(),
  );
}

/** One process's turn. */
class Term {
  readonly #broken = new Wakeup();
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  readonly #history: History;
  #place: LogPlace | undefined;

  constructor(
    private readonly taker: LogTaker,
    private readonly options: TakeLogOptions,
    private readonly held: LeaseHolder,
    signal: AbortSignal,
    private readonly alarms: LogAlarms,
    private readonly onPlace: (offset: number) => void,
  ) {
    this.#signal = AbortSignal.any([signal, this.#over.signal]);
    this.#history = options.history === undefined ? NO_HISTORY : asFarAsItOpens(options.history, options.logger);
  }

  async run(): Promise<void> {
    const { store, broker, stream, worker, portion, patience } = this.options;
    await migrateLogCheckpoints(store);
    await this.taker.prepare(store);
    this.#place = await logCheckpoint(store.query, worker);
    this.#tell();
    const beside = this.#beside();
    try {
      const portions = followVerified(broker, stream, {
        from: this.#place,
        onResume: () => this.#resume(),
        signal: this.#signal,
        ...(portion !== undefined && { portion }),
        ...(patience !== undefined && { patience }),
      });
      for await (const next of portions) {
        if (!this.held.check()) break;
        if (next.kind === 'broken') await this.#break(next.broken);
        else await this.#take(next.entries);
      }
    } finally {
      this.#over.abort();
      this.#broken.notify();
      await beside;
    }
  }

  async #take(entries: Parameters<LogTaker['take']>[0]): Promise<void> {
    const { metrics, worker } = this.options;
    const newest = entries.at(-1);
    if (newest === undefined) return;
    const accepted = entries.filter((entry) => isAccepted(entry, this.options));
    const { passedOver, commit } = this.taker.take(accepted);
    await this.#move(placeOf(newest), commit);
    failpoint('journal.committed');
    const ignored = passedOver + entries.length - accepted.length;
    if (ignored > 0) metrics.logPassedOver.inc({ worker }, ignored);
  }

  async #break(broken: LogBreak): Promise<void> {
    this.alarms.raise(broken, await this.#remedy());
    const note = (tx: Tx) => this.taker.broken(tx, broken);
    // at the start there is no place, and after a gap it stays, until there is something behind it
    if (this.#place === undefined) await this.options.store.transaction(note);
    else await this.#move(broken.kind === 'reset' ? BEFORE_ALL : this.#place, note);
    this.#broken.notify();
  }

  async #resume(): Promise<void> {
    await this.options.store.transaction((tx) => this.taker.resumed(tx));
    this.#broken.notify();
  }

  async #move(to: LogPlace, commit: (tx: Tx) => Promise<void>): Promise<void> {
    const { store, worker } = this.options;
    const from = this.#place;
    const moved = await store.transaction(async (tx) => {
      if (!(await moveLogCheckpoint(tx.sql, worker, from, to))) return false;
      await commit(tx);
      return true;
    });
    if (!moved) {
      this.held.lose();
      return;
    }
    this.#place = to;
    this.#tell();
  }

  #tell(): void {
    const { offset } = this.#place ?? BEFORE_ALL;
    this.onPlace(offset);
    this.options.metrics.logOffset.set({ worker: this.options.worker }, offset);
  }

  async #remedy(): Promise<string> {
    const { services } = this.#history;
    const stores = await Promise.all(services.map((service) => this.#history.open(service)));
    const within = services.filter((_, index) => stores[index] !== undefined);
    const beyond = services.filter((_, index) => stores[index] === undefined);
    return [
      within.length === 0
        ? 'there is no store here to take them from'
        : `taken from the stores of ${within.join(', ')}`,
      ...(beyond.length === 0 ? [] : [`out of reach are those of ${beyond.join(', ')}`]),
    ].join('; ');
  }

  async #beside(): Promise<void> {
    const { store, logger } = this.options;
    const backoff = new Backoff(100, 30_000);
    const broken = (timeout: number) => this.#broken.wait(timeout);
    while (!this.#signal.aborted) {
      try {
        await this.taker.beside(store, {
          history: this.#history,
          broken,
          logger,
          onStoreBehind: (...found) => this.alarms.raiseStoreBehind(...found),
          signal: this.#signal,
        });
      } catch (error) {
        logger.warn('log: what is done beside the reading failed, trying again', { error: messageOf(error) });
        await sleep(backoff.next(), this.#signal);
      }
    }
  }
}
