import type { Broker, Publisher } from '../broker/broker.js';
import type { Names } from '../broker/topology/topology.js';
import type { ErrorCode } from '../errors.js';
import type { Store } from '../store/store.js';
import { silentLogger, type Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { UndeclaredEmits } from '../telemetry/undeclared-emits.js';
import { fireDueTimers } from './fire-timers.js';
import { runAsLeader } from '../store/leases/leader-loop.js';
import type { LeaseHolder } from '../store/leases/lease-holder.js';
import { LagGauge, reportLag } from './lag-gauge.js';
import { RefusedTypes } from './deferred/refused-types.js';
import { RelaySession } from './relay-session.js';

/** The name of the lease and of the checkpoint that it guards. */
export const RELAY = 'relay';

/** The codes of failed publishes. */
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
  /** Identifies this process as the holder of the lease; unique among all processes. */
  instance: string;
  /** Maximum number of unconfirmed publishes. @default 1000 */
  window?: number;
  /** Milliseconds after which another process takes over from a holder that has vanished. @default 5000 */
  leaseTtl?: number;
  /** Milliseconds until a publish without a confirm counts as failed. @default the broker's */
  confirmTimeout?: number;
  /** Milliseconds to wait at the end for confirms. @default 5000 */
  drainTimeout?: number;
  /** Delays between two attempts for refused events of one type, in milliseconds: doubling, shortened at random by
   *  up to half. Each attempt is a duplicate in every queue that accepts it. @default 1000 and 60000 */
  retryRefused?: { first: number; most: number };
  /** Maximum number of deferred events (refused ones, and later events of their subjects); at the limit, nothing
   *  else is published. @default 100000 */
  maxDeferred?: number;
  /** The types that the service declares to emit. An event of another type is published, but counted and logged: workers
   *  refuse it if another service declares it. @default any type */
  declared?: ReadonlySet<string> | undefined;
  clock?: () => number;
  logger?: Logger;
  metrics?: Metrics;
}

/** The outbox relay: publishes stored events to the broker. */
export interface Relay {
  /** Stored events that the broker has not confirmed, whichever process relays; measured at most 200 ms ago.
   *  Available even while the broker is unreachable. */
  readonly lag: number;
  /** Whether this process holds the lease. */
  readonly holding: boolean;
  /** The broker's current refusals, while this process relays. */
  readonly refusals: Pick<RefusedTypes, 'current' | 'events' | 'full'>;
  /** Whether more than `bound` events wait. */
  lagging(bound: number): boolean;
  /**
   * Publishes stored events, in order for each subject, moves the checkpoint as the broker confirms them, and fires due
   * timers. Safe to run in several processes: only the holder of the lease publishes. Resolves when `signal` aborts and
   * every publish in flight is confirmed or left to the next holder. Rejects with `store.closed` or `broker.closed`
   * when either is closed while it runs.
   */
  run(signal: AbortSignal): Promise<void>;
}

/** Creates the relay of a store; `run` starts it. */
export function createRelay(options: RelayOptions): Relay {
  const { store, broker, metrics, confirmTimeout, leaseTtl = 5_000, logger = silentLogger() } = options;
  metrics?.relayPublished.inc({ service: store.service }, 0);
  for (const code of PUBLISH_FAILURES) metrics?.relayFailures.inc({ service: store.service, code }, 0);
  const gauge = new LagGauge(store, RELAY, (lag) => {
    if (metrics !== undefined) reportLag(metrics, store.service, lag);
  });
  const refusals = new RefusedTypes({
    broker,
    exchange: options.names.events,
    logger,
    clock: options.clock ?? Date.now,
    onDeferred: (events) => metrics?.relayDeferred.set({ service: store.service }, events),
  });
  let holding = false;
  return {
    get lag() {
      return gauge.lag;
    },
    get holding() {
      return holding;
    },
    refusals,
    lagging: (bound) => gauge.lag > bound,
    async run(signal) {
      const publisher = broker.createPublisher(confirmTimeout === undefined ? {} : { timeout: confirmTimeout });
      const stop = new AbortController();
      const gauging = gauge.run(logger, AbortSignal.any([signal, stop.signal]));
      const leader = { store, name: RELAY, holder: options.instance, ttl: leaseTtl, locked: true, logger, signal };
      const failure = await runAsLeader(leader, async (lease, leading) => {
        holding = true;
        try {
          await relayWhileLeading(options, { publisher, refusals, lease, logger, signal: leading });
        } finally {
          holding = false;
          refusals.clear();
        }
      });
      stop.abort();
      await gauging;
      await publisher.close();
      if (failure !== undefined) throw failure;
    },
  };
}

interface Leading {
  publisher: Publisher;
  refusals: RefusedTypes;
  lease: LeaseHolder;
  logger: Logger;
  /** Aborts when the relay stops or the lease is lost. */
  signal: AbortSignal;
}

/** Publishes events and fires timers until the signal aborts. */
async function relayWhileLeading(options: RelayOptions, { signal, ...leading }: Leading): Promise<void> {
  const { store, clock = Date.now, names, window = 1_000, drainTimeout = 5_000, metrics } = options;
  const { retryRefused = { first: 1_000, most: 60_000 }, maxDeferred = 100_000 } = options;
  const labels = { service: store.service };
  const undeclaredEmits = new UndeclaredEmits(metrics, { ...labels, worker: '' });
  const onRead = (type: string) => {
    if (options.declared === undefined || options.declared.has(type) || !undeclaredEmits.count(type)) return;
    leading.logger.error('relay: publishes events of a type that no part of the service declares', { type });
  };
  const over = new AbortController();
  const firing = fireDueTimers(store, clock, leading.logger, AbortSignal.any([signal, over.signal]));
  try {
    const session = new RelaySession(
      {
        ...leading,
        store,
        exchange: names.events,
        window,
        drainTimeout,
        retry: retryRefused,
        maxDeferred,
        onRead,
        onConfirmed: (events) => metrics?.relayPublished.inc(labels, events),
        onFailure: (code) => metrics?.relayFailures.inc({ ...labels, code }),
      },
      await store.checkpoint(RELAY),
      signal,
    );
    await session.run();
  } finally {
    over.abort();
    await firing;
  }
}
