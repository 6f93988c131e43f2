import type { Broker, Publisher } from '../broker/contract.js';
import type { Names } from '../broker/topology.js';
import { hasCode, messageOf, type ErrorCode } from '../errors.js';
import type { Store } from '../store/contract.js';
import { isStoreGone } from '../store/is-gone.js';
import { silentLogger, type Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { Backoff } from '../concurrency/backoff.js';
import { fireDueTimers } from './fire-timers.js';
import { LeaseHolder } from '../store/leases/lease-holder.js';
import { LagGauge } from './lag-gauge.js';
import { sleep } from '../concurrency/sleep.js';
import { Refusals } from './refusals.js';
import { Term } from './term.js';

/** The lease, and the checkpoint that it guards. */
const RELAY = 'relay';

/** The codes that a publish fails with. */
const PUBLISH_FAILURES: readonly ErrorCode[] = [
  'broker.nacked',
  'broker.returned',
  'broker.unencodable',
  'broker.timeout',
  'broker.disconnected',
  'broker.closed',
];

export interface RelayOptions {
  store: Store;
  broker: Pick<Broker, 'createPublisher'> & Partial<Pick<Broker, 'findRefusing'>>;
  names: Pick<Names, 'events'>;
  /** This process, as the holder of the lease; no two processes have the same. */
  instance: string;
  /** Messages without a confirm at once. @default 1000 */
  window?: number;
  /** Milliseconds after which another process takes over from one that has vanished. @default 5000 */
  leaseTtl?: number;
  /** Milliseconds until a publish without a confirm counts as failed. @default the broker's */
  confirmTimeout?: number;
  /** Milliseconds to wait at the end for what is in flight. @default 5000 */
  drainTimeout?: number;
  /** Delays between two tries for refused events of one type, in milliseconds: doubling, and up to half of it random. Each
   *  try is a duplicate in every queue that accepts it. @default 1000 and 60000 */
  retryRefused?: { first: number; most: number };
  /** Refused events, and those behind them of their subjects, with which other subjects are still published.
   *  @default 100000 */
  maxDeferred?: number;
  clock?: () => number;
  logger?: Logger;
  metrics?: Metrics;
}

/** Hands what is stored over to the broker. */
export interface Relay {
  /** Stored events that the broker has not confirmed, whichever process relays; as of the last look, 200 ms ago at
   *  most. Known also while there is no broker. */
  readonly lag: number;
  /** Whether this process is the one that relays. */
  readonly holding: boolean;
  /** What the broker refuses, as far as this process relays. */
  readonly refusals: Pick<Refusals, 'current' | 'events' | 'full'>;
  /** Whether more than `bound` events wait. */
  lagging(bound: number): boolean;
  /** Publishes what the store holds, in order for each subject, and moves the checkpoint once the broker has
   *  confirmed; fires timers that are due. Safe to run in several processes: only the holder of the lease publishes.
   *  Resolves when `signal` aborts and all that was in flight is confirmed or left for the next holder. Rejects with
   *  `store.closed` or `broker.closed`, when either is closed while it runs. */
  run(signal: AbortSignal): Promise<void>;
}

export function createRelay(options: RelayOptions): Relay {
  const { store, metrics } = options;
  metrics?.relayPublished.inc({ service: store.service }, 0);
  for (const code of PUBLISH_FAILURES) metrics?.relayFailures.inc({ service: store.service, code }, 0);
  const gauge = new LagGauge(store, RELAY, (lag) => metrics?.relayLag.set({ service: store.service }, lag));
  const refusals = new Refusals({
    broker: options.broker,
    exchange: options.names.events,
    logger: options.logger ?? silentLogger(),
    clock: options.clock ?? Date.now,
    onDeferred: (events) => metrics?.relayDeferred.set({ service: store.service }, events),
  });
  const turns = new Turns(options, options.logger ?? silentLogger(), refusals);
  return {
    get lag() {
      return gauge.lag;
    },
    get holding() {
      return turns.holding;
    },
    refusals,
    lagging: (bound) => gauge.lag > bound,
    async run(signal) {
      const stop = new AbortController();
      const looking = gauge.run(options.logger ?? silentLogger(), AbortSignal.any([signal, stop.signal]));
      try {
        await turns.run(signal);
      } finally {
        stop.abort();
        await looking;
      }
    },
  };
}

/** Takes the lease whenever it is free, and relays while it has it. */
class Turns {
  holding = false;
  readonly #backoff = new Backoff(100, 5_000);
  readonly #ttl: number;

  constructor(
    private readonly options: RelayOptions,
    private readonly logger: Logger,
    private readonly refusals: Refusals,
  ) {
    this.#ttl = options.leaseTtl ?? 5_000;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { broker, confirmTimeout } = this.options;
    const publisher = broker.createPublisher(confirmTimeout === undefined ? {} : { timeout: confirmTimeout });
    try {
      while (!signal.aborted) {
        try {
          if (!(await this.#turn(publisher, signal))) await sleep((this.#ttl / 5) * (0.5 + Math.random() / 2), signal);
          this.#backoff.reset();
        } catch (error) {
          if (isFinal(error)) throw error;
          this.logger.error('relay: stopped, trying again', { error: messageOf(error) });
          await sleep(this.#backoff.next(), signal);
        }
      }
    } finally {
      await publisher.close();
    }
  }

  /** False when it is another process's turn; true after a turn of this one. */
  async #turn(publisher: Publisher, signal: AbortSignal): Promise<boolean> {
    const { store, clock = Date.now, names, window = 1_000, drainTimeout = 5_000, metrics } = this.options;
    const { retryRefused = { first: 1_000, most: 60_000 }, maxDeferred = 100_000 } = this.options;
    const terms = { name: RELAY, holder: this.options.instance, ttl: this.#ttl, logger: this.logger };
    const held = await LeaseHolder.acquire(store, terms);
    if (held === undefined) return false;
    this.holding = true;
    const over = new AbortController();
    const firing = fireDueTimers(store, clock, this.logger, AbortSignal.any([signal, held.lost, over.signal]));
    try {
      const labels = { service: store.service };
      const term = new Term(
        {
          store,
          publisher,
          held,
          exchange: names.events,
          window,
          drainTimeout,
          retry: retryRefused,
          maxDeferred,
          refusals: this.refusals,
          logger: this.logger,
          onConfirmed: (events) => metrics?.relayPublished.inc(labels, events),
          onFailure: (code) => metrics?.relayFailures.inc({ ...labels, code }),
        },
        await store.checkpoint(RELAY),
        signal,
      );
      await term.run();
    } finally {
      this.holding = false;
      this.refusals.clear();
      over.abort();
      await firing;
      await this.#release(held);
    }
    return true;
  }

  /** A lease that cannot be given back ends by itself. */
  async #release(held: LeaseHolder): Promise<void> {
    try {
      await held.release();
    } catch (error) {
      if (isStoreGone(error)) return;
      this.logger.warn('relay: the lease could not be released', { error: messageOf(error) });
    }
  }
}

function isFinal(error: unknown): boolean {
  return isStoreGone(error) || hasCode(error, 'broker.closed');
}
