import type { Broker, Delivery } from '../../broker/broker.js';
import { partitionQueues, setsInBroker } from '../../broker/topology/partition-sets.js';
import { namesFor, sizesOf, topologyOf, type Names } from '../../broker/topology/topology.js';
import { systemClock } from '../../concurrency/clock.js';
import { migrateDeadLetters } from '../../dead-letters/storage/migrations.js';
import { FlotillaError, messageOf } from '../../errors.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import { RELAY } from '../../outbox/relay.js';
import { drainQueue, readyIn } from '../../queues/drain-queue.js';
import { moveWith, withPublisher } from '../../queues/move-messages.js';
import { untilDepth } from '../../queues/until-depth.js';
import { publishAll } from '../../replay/sending/publish-history.js';
import { unhandledMessages, type WorkerWithInbox } from '../../replay/unhandled-messages.js';
import { acquireWithin } from '../../store/leases/acquire-within.js';
import type { LeaseHolder } from '../../store/leases/lease-holder.js';
import type { Store } from '../../store/store.js';
import { hasQueue, queuesOfAll } from '../../worker/definition/queues.js';
import { putMark } from '../../worker/ordering/broker-mark.js';
import { PARTITION_PREFETCH } from '../../worker/ordering/partition-limits.js';
import { migrateOrdering } from '../../worker/ordering/migrate-ordering.js';
import { enabledWorkers } from '../fleet/enabled-workers.js';
import { instanceOf } from '../instance.js';
import { withExistingStores } from '../stores/existing-stores.js';
import { inboxAge } from '../stores/log-age.js';
import { servicesOf } from '../stores/services.js';
import type { OperatorPlace } from './operator-broker.js';
import { refuseWhileConsumed } from './refuse-while-consumed.js';

/** How many messages of a worker are sent again. */
export interface RefillCount {
  worker: string;
  messages: number;
}

const LEASE_TTL_MS = 5_000;
/** The lease of a process that was killed ends by then. */
const LEASE_WAIT_MS = 6_000;
const MOVE_LIMIT_MS = 600_000;
/** Within this time the broker returns messages that were in flight to a channel that has ended. */
const RETURN_LIMIT_MS = 60_000;

interface Stores {
  sources: Store[];
  workers: WorkerWithInbox[];
  ops: Store;
}

/** Opens every store of the fleet. Throws `broker.not_recoverable`, naming those that are missing or cannot be read. */
async function withAllStores<T>(fleet: Fleet, place: OperatorPlace, work: (stores: Stores) => Promise<T>): Promise<T> {
  const consuming = enabledWorkers(fleet, place.config).filter(hasQueue);
  const prepare = async (store: Store) => (store.service === OPS_STORE ? migrateDeadLetters(store) : undefined);
  return withExistingStores(place, prepare, async ({ find }) => {
    const stores = new Map<string, Store>();
    const problems: string[] = [];
    for (const service of servicesOf(fleet)) {
      const store = await find(service).catch(
        (error: unknown) => void problems.push(`${service}: ${messageOf(error)}`),
      );
      if (store !== undefined) stores.set(service, store);
      else if (!problems.some((problem) => problem.startsWith(`${service}:`))) problems.push(`${service}: not here`);
    }
    const ops = stores.get(OPS_STORE);
    if (problems.length > 0 || ops === undefined) {
      throw new FlotillaError('broker.not_recoverable', `stores: ${problems.join('; ')}`);
    }
    const workers = consuming.flatMap((definition) => {
      const store = stores.get(definition.store);
      return store === undefined ? [] : [{ definition, store }];
    });
    return work({ sources: [...stores.values()], workers, ops });
  });
}

/** Counts what `refillQueues` would send, and so shows that the stores can be read. Throws `broker.not_recoverable`. */
export function countUnhandled(fleet: Fleet, place: OperatorPlace): Promise<RefillCount[]> {
  return withAllStores(fleet, place, async (stores) => {
    const counts = new Map<string, number>();
    for await (const messages of unhandledMessages(optionsOf(place, stores))) count(counts, messages);
    return listed(counts);
  });
}

/**
 * Sends each worker the messages that it has not handled, from the stores, to a broker that does not have them. Each ordered worker
 * gets them before those that the broker has already, and continues there. Safe to repeat: the inbox detects duplicates.
 * Throws `broker.not_recoverable`, and while a process consumes or relays, `topology.in_use` or `topology.fleet_runs`.
 */
export async function refillQueues(fleet: Fleet, place: OperatorPlace, broker: Broker): Promise<RefillCount[]> {
  const { config } = place;
  const { prefix, log, unroutedMax } = config;
  const names = namesFor(prefix);
  const queues = queuesOfAll(enabledWorkers(fleet, config));
  await broker.applyTopology(topologyOf(queues, { prefix, log, unroutedMax }), place.signal);
  await refuseWhileConsumed(queues, broker, names);
  return withAllStores(fleet, place, async (stores) => {
    const leases = new Map<string, LeaseHolder>();
    try {
      for (const store of stores.sources) leases.set(store.service, await holdRelay(store, place));
      const signal = AbortSignal.any([place.signal, ...[...leases.values()].map(({ lost }) => lost)]);
      const ordered = stores.workers.filter(({ definition }) => definition.ordering !== undefined);
      const early = await Promise.all(ordered.map(({ definition }) => earlyMessages(definition, broker, names)));
      const counts = await send(stores, { ...place, signal }, broker);
      for (const each of early.flat()) await moveBehind(each, { broker, names, signal });
      for (const { definition, store } of ordered) {
        await migrateOrdering(store);
        await putMark(definition.name, { store, broker, names, clock: systemClock }, 'replace');
      }
      return counts;
    } finally {
      for (const lease of leases.values()) await lease.release();
    }
  });
}

/** Lets the ordered workers whose stores are on this machine continue in this broker. Resolves with their names. Throws
 *  `store.missing` if there are none. */
export async function continueHere(fleet: Fleet, place: OperatorPlace, broker: Broker): Promise<string[]> {
  const names = namesFor(place.config.prefix);
  const ordered = enabledWorkers(fleet, place.config).filter(({ ordering }) => ordering !== undefined);
  const continued: string[] = [];
  await withExistingStores(place, migrateOrdering, async ({ find }) => {
    for (const { name, store: service } of ordered) {
      const store = await find(service);
      if (store === undefined) continue;
      await putMark(name, { store, broker, names, clock: systemClock }, 'replace');
      continued.push(name);
    }
  });
  if (continued.length === 0 && ordered.length > 0)
    throw new FlotillaError('store.missing', ordered.map(({ store }) => store).join(', '));
  return continued;
}

/** While it is held, nothing is published from the store. */
async function holdRelay(store: Store, { logger, signal }: OperatorPlace): Promise<LeaseHolder> {
  const options = { name: RELAY, holder: instanceOf('refill'), ttl: LEASE_TTL_MS, logger };
  const lease = await acquireWithin(LEASE_WAIT_MS, store, options, signal);
  if (lease === undefined)
    throw new FlotillaError('topology.fleet_runs', `a process publishes from the store ${store.service}`);
  return lease;
}

async function send(stores: Stores, place: OperatorPlace, broker: Broker): Promise<RefillCount[]> {
  const counts = new Map<string, number>();
  const publisher = broker.createPublisher();
  try {
    for await (const found of unhandledMessages(optionsOf(place, stores))) {
      const messages = found.map(({ message }) => message);
      await publishAll(publisher, messages, place.signal);
      count(counts, found);
    }
  } finally {
    await publisher.close();
  }
  return listed(counts);
}

/** The messages that were in a partition before. */
interface EarlyMessages {
  worker: string;
  queue: string;
  ready: number;
}

async function earlyMessages(
  { name, ordering }: WorkerWithInbox['definition'],
  broker: Broker,
  names: Names,
): Promise<EarlyMessages[]> {
  const sets = await setsInBroker(broker, name, sizesOf(ordering?.partitions ?? 1), names);
  const found: EarlyMessages[] = [];
  for (const queue of sets.flatMap((size) => partitionQueues(name, size, names))) {
    const ready = await readyIn(broker, queue);
    if (ready > 0) found.push({ worker: name, queue, ready });
  }
  return found;
}

/** Moves them behind those that were sent. Rejects if some were not moved. Later messages that arrived meanwhile return to the
 *  queue once its channel has ended: a worker that started earlier would handle those behind them first. */
async function moveBehind(
  { worker, queue, ready }: EarlyMessages,
  { broker, names, signal }: { broker: Broker; names: Names; signal: AbortSignal },
): Promise<void> {
  const limits = { limit: MOVE_LIMIT_MS, signal };
  const all = await readyIn(broker, queue);
  const target = ({ routingKey }: Delivery) => ({ exchange: names.ordered(worker), routingKey });
  const moved = await withPublisher(broker, limits, (publisher) =>
    drainQueue(broker, queue, {
      ...limits,
      count: ready,
      prefetch: PARTITION_PREFETCH,
      handle: moveWith(publisher, target),
    }),
  );
  signal.throwIfAborted();
  if (moved < ready) throw new FlotillaError('broker.no_answer', `${queue}: ${moved} of ${ready} messages were moved`);
  const returned = await untilDepth(broker, queue, (depth) => depth.ready >= all, { limit: RETURN_LIMIT_MS, signal });
  if (returned.ready >= all) return;
  signal.throwIfAborted();
  throw new FlotillaError('broker.no_answer', `${queue}: ${returned.ready} of ${all} are ready again`);
}

function count(counts: Map<string, number>, messages: readonly { worker: string }[]): void {
  for (const { worker } of messages) counts.set(worker, (counts.get(worker) ?? 0) + 1);
}

function listed(counts: ReadonlyMap<string, number>): RefillCount[] {
  return [...counts].map(([worker, messages]) => ({ worker, messages }));
}

function optionsOf({ config, signal }: OperatorPlace, stores: Stores) {
  return { ...stores, names: namesFor(config.prefix), since: Date.now() - inboxAge(config.log.maxAge), signal };
}
