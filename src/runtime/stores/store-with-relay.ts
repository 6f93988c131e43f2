import { sleep } from '../../concurrency/sleep.js';
import type { Broker } from '../../broker/broker.js';
import type { Names } from '../../broker/topology/topology.js';
import { LagGauge, reportLag } from '../../outbox/lag-gauge.js';
import { refusalsLine } from '../../outbox/deferred/refused-types.js';
import { createRelay } from '../../outbox/relay.js';
import { openStore } from '../../store/open.js';
import type { Store } from '../../store/store.js';
import type { StoreRegistry } from '../../store/store-registry.js';
import { StoreWatch } from '../../store/store-watch.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';

export interface ServiceOptions {
  name: string;
  databaseUrl: string;
  registry: StoreRegistry;
  broker: Broker;
  names: Names;
  instance: string;
  relay: { window: number; maxLag: number };
  /** The types that the service declares to emit. @default any type */
  declared?: ReadonlySet<string> | undefined;
  metrics: Metrics;
  logger: Logger;
  /** Claims the store in the broker, then settles when the topology exists, or never will. */
  topology: (store: Store) => Promise<void>;
}

/** A store with the relay that hands over what it keeps. */
export interface Service {
  readonly store: Store;
  /** How far the relay is behind; known also before there is a broker. */
  readonly gauge: { readonly lag: number; readonly maxLag: number };
  readonly lagging: () => boolean;
  /** For `/readyz`: whether this process may publish what is stored, and what the broker refuses. */
  readonly checkRelay: () => { ok: boolean; detail: string };
  /** For `/readyz`: whether the store takes what is to be committed. */
  readonly check: () => { ok: boolean; detail: string };
  /** Rejects when the relay fails for good, or the store is lost: `store.moved`, `store.damaged`. */
  readonly running: Promise<void>;
  /** Lets the relay hand over what is stored, for at most `limit` milliseconds, then closes the store. */
  stop(limit: number): Promise<void>;
}

const POLL_INTERVAL_MS = 20;

/** Opens the store of a service, and relays from it once the topology exists. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { name, broker, names, instance, declared, metrics, topology } = options;
  const logger = options.logger.child({ store: name });
  const lost = new AbortController();
  const { registry } = options;
  const store = await openStore(options.databaseUrl, name, {
    logger,
    registry,
    onFailure: (error) => lost.abort(error),
  });
  const { window } = options.relay;
  const relay = createRelay({ store, broker, names, instance, window, declared, logger, metrics });
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, lost.signal]);
  const gauge = new LagGauge(store, 'relay', (lag) => reportLag(metrics, name, lag));
  const watch = new StoreWatch({ store, logger, metrics });
  const watching = watch.run(signal);
  const waiting = new AbortController();
  const looking = gauge.run(logger, AbortSignal.any([signal, waiting.signal]));
  let relaying = false;

  const run = async () => {
    await topology(store);
    if (signal.aborted) return;
    relaying = true;
    waiting.abort();
    await relay.run(signal);
  };
  const relayed = run();
  const running = Promise.race([relayed, rejectedBy(lost.signal)]);
  // Whoever waits for it hears of it; nobody may have begun to wait yet.
  running.catch(() => undefined);
  const lag = () => (relaying ? relay.lag : gauge.lag);

  return {
    store,
    gauge: {
      get lag() {
        return lag();
      },
      maxLag: options.relay.maxLag,
    },
    lagging: () => lag() > options.relay.maxLag,
    checkRelay: () => {
      const waiting = `${lag()} events wait to be published`;
      const { refusals } = relay;
      const detail = refusals.events === 0 ? waiting : `${waiting}; ${refusalsLine(refusals)}`;
      return { ok: !refusals.full && lag() <= options.relay.maxLag, detail };
    },
    check: () => watch.check(),
    running,
    async stop(limit) {
      if (relaying && broker.state === 'ready' && !lost.signal.aborted) {
        await relayConfirmed(store, performance.now() + limit);
      }
      ending.abort(new Error('the process ends'));
      if (relaying) await relayed.catch(() => undefined);
      await Promise.all([looking, watching]);
      await store.close();
    },
  };
}

/** Rejects with the reason of the signal when that aborts. */
function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/** Resolves when the broker has confirmed the events stored at the time of the call, or at the deadline. */
async function relayConfirmed(store: Store, deadline: number): Promise<void> {
  const head = await store.head();
  while (performance.now() < deadline && (await store.checkpoint('relay')) < head) await sleep(POLL_INTERVAL_MS);
}
