import type { Broker } from '../../../broker/broker.js';
import type { PartitionCount } from '../../../broker/messages/slot-headers.js';
import type { ManagedBinding } from '../../../broker/rabbitmq/management/management.js';
import { bindingKey, bindingName } from '../../../broker/topology/binding-name.js';
import { setsInBroker } from '../../../broker/topology/partition-sets.js';
import { partitionSet, partitionsOf, sizesOf, type SetSize } from '../../../broker/topology/topology.js';
import { systemClock, type Clock } from '../../../concurrency/clock.js';
import { sleep } from '../../../concurrency/sleep.js';
import { Wakeup } from '../../../concurrency/wakeup.js';
import { FlotillaError, hasCode } from '../../../errors.js';
import { failpoint } from '../../../failpoints.js';
import { acquireWithin } from '../../../store/leases/acquire-within.js';
import type { LeaseHolder } from '../../../store/leases/lease-holder.js';
import type { Store } from '../../../store/store.js';
import { adoptPartitions, type PartitionPlace } from './adopt-partitions.js';
import { markerFor } from './marker.js';
import { isComplete } from './partition-plan.js';
import {
  moveLease,
  partitionTopic,
  passPartition,
  readPartitions,
  writePartitions,
  type Move,
  type PartitionState,
} from './partition-table.js';
import { removeSet } from './remove-set.js';

export interface MovePartitionsOptions extends PartitionPlace {
  store: Store;
  broker: Broker;
  to: PartitionCount;
  /** Identifies this process; unique among all processes. */
  holder: string;
  /** Lists the bindings of the broker, to check that the old partitions are unbound. @default not checked */
  bindings?: () => Promise<readonly ManagedBinding[]>;
  onStep?: (step: MoveStep) => void;
  /** Milliseconds until every node of a broker routes by a changed binding. @default 1000 */
  settle?: number;
  /** Milliseconds without any further partition having passed, after which the command ends. @default 600 000 */
  patience?: number;
  /** Milliseconds to wait while another process changes the partitions: one that was killed may hold the lease. @default 5000 */
  leaseWait?: number;
  /** @default the system clock */
  clock?: Clock;
  signal: AbortSignal;
}

/** What a change of the partitions has come to. */
export type MoveStep =
  | { step: 'begun' | 'continued'; from: SetSize; to: SetSize }
  | { step: 'declared' | 'switched' }
  | { step: 'passed'; passed: number; of: number }
  | { step: 'completed'; size: SetSize };

export interface MoveResult {
  /** False if the worker had this number of partitions already. */
  changed: boolean;
  size: SetSize;
  /** Messages that arrived in old partitions after they had passed, and were moved to the queue of the worker. */
  late: number;
}

const LEASE_TTL_MS = 3_000;
const POLL_INTERVAL_MS = 1_000;
const MAX_UNBINDINGS = 5;

type Moving = PartitionState & { moving: Move };

/**
 * Changes the number of partitions of an ordered worker while events are published and handled, without changing the order of the
 * events of any subject. The new partitions get new events first; the old ones are unbound, and each gets a marker behind its last
 * event. A new partition is consumed when the old ones that contain its subjects have reached their markers.
 *
 * It may be interrupted at any time and run again. Rejects with `partitions.moving` while another change is under way, with
 * `partitions.busy` while another process makes it, with `partitions.waiting` or `partitions.in_use` when a limit is reached, and
 * with the reason of the signal.
 */
export async function movePartitions(options: MovePartitionsOptions): Promise<MoveResult> {
  const lease = await acquire(options);
  const signal = AbortSignal.any([options.signal, lease.lost]);
  try {
    return await move({ ...options, signal });
  } finally {
    await lease.release();
  }
}

async function acquire(options: MovePartitionsOptions): Promise<LeaseHolder> {
  const { store, worker, holder, logger, leaseWait = 5_000, clock, signal } = options;
  const wanted = { name: moveLease(worker), holder, ttl: LEASE_TTL_MS, logger, ...(clock && { clock }) };
  const lease = await acquireWithin(leaseWait, store, wanted, signal);
  if (lease === undefined) throw new FlotillaError('partitions.busy', worker);
  return lease;
}

async function move(options: MovePartitionsOptions): Promise<MoveResult> {
  const { broker, names, worker, defined, to, onStep, signal } = options;
  await broker.applyTopology(partitionsOf(worker, defined, names), signal);
  const known = await adoptPartitions(options);
  if (known.moving === undefined) {
    // an earlier change may have been interrupted before it deleted its old partitions
    await ensureSet(known.size, options);
    const late = await removeOthers(known.size, options);
    if (known.size === to) return { changed: false, size: to, late };
  }
  const state = await begin(options);
  const { size, moving } = state;
  onStep?.({ step: known.moving === undefined ? 'begun' : 'continued', from: size, to: moving.to });
  failpoint('partitions.begun');
  await switchOver(state, options);
  await publishMarkers(state, options);
  await untilComplete(state, options);
  await complete(state, options);
  onStep?.({ step: 'completed', size: moving.to });
  failpoint('partitions.completed');
  return { changed: true, size: moving.to, late: await removeOthers(moving.to, options) };
}

/** Stores that the change begins, unless it is under way. */
function begin({ store, worker, to }: MovePartitionsOptions): Promise<Moving> {
  return store.transaction(async (tx) => {
    const state = await readPartitions(tx.sql, worker);
    if (state?.moving !== undefined) {
      if (state.moving.to === to) return { ...state, moving: state.moving };
      throw new FlotillaError('partitions.moving', `${worker}: from ${state.size} to ${state.moving.to}`);
    }
    const { epoch = 0, size = to } = state ?? {};
    await writePartitions(tx, worker, { epoch: epoch + 1, size, to });
    return { epoch: epoch + 1, size, moving: { to, passed: new Set<number>() } };
  });
}

/** Lets new messages into the new partitions only. Those published meanwhile are in both; the inbox drops the later one. */
async function switchOver({ size, moving }: Moving, options: MovePartitionsOptions): Promise<void> {
  const { broker, names, worker, onStep, clock, signal, settle = 1_000 } = options;
  const [from, to] = [partitionSet(worker, size, names), partitionSet(worker, moving.to, names)];
  const { exchanges, queues, bindings } = to;
  await broker.applyTopology({ exchanges, queues, bindings }, signal);
  onStep?.({ step: 'declared' });
  failpoint('partitions.declared');
  await broker.applyTopology({ exchanges: [], queues: [], bindings: [to.entry] }, signal);
  failpoint('partitions.bound');
  for (let attempt = 1; ; attempt += 1) {
    await broker.removeTopology({ exchanges: [], queues: [], bindings: [from.entry] });
    failpoint('partitions.unbound');
    await sleep(settle, signal, clock?.after);
    signal.throwIfAborted();
    // a process that compared the topology before the change may have bound them again
    const bindings = await listed(options);
    if (bindings.every((binding) => bindingKey(binding) !== bindingKey(from.entry))) break;
    if (attempt === MAX_UNBINDINGS) throw new FlotillaError('broker.topology_incomplete', bindingName(from.entry));
  }
  onStep?.({ step: 'switched' });
}

async function listed({ bindings, logger }: MovePartitionsOptions): Promise<readonly ManagedBinding[]> {
  try {
    return (await bindings?.()) ?? [];
  } catch (error) {
    if (!hasCode(error, 'broker.management')) throw error;
    logger.warn('the bindings of the old partitions cannot be checked', { error: error.message });
    return [];
  }
}

/** Publishes a marker behind the last message of each old partition that has not passed. */
async function publishMarkers({ epoch, size, moving }: Moving, options: MovePartitionsOptions): Promise<void> {
  const { store, broker, names, worker, signal } = options;
  const left = Array.from({ length: size }, (_, index) => index).filter((index) => !moving.passed.has(index));
  const publisher = broker.createPublisher();
  try {
    await publisher.ready(signal);
    for (const index of left) {
      const queue = names.partition(worker, size, index);
      if ((await broker.queueDepth(queue)) === undefined) {
        // its messages are gone, for example with the broker's data
        await store.transaction((tx) => passPartition(tx, worker, epoch, index));
      } else await publisher.publish(markerFor(queue, epoch, names.queue(worker)));
      failpoint('partitions.marked');
    }
  } finally {
    await publisher.close();
  }
}

/** Waits until every old partition has passed. */
async function untilComplete({ epoch, size }: Moving, options: MovePartitionsOptions): Promise<void> {
  const { store, worker, onStep, signal, clock = systemClock, patience = 600_000 } = options;
  const wakeup = new Wakeup(clock.after);
  const wake = () => wakeup.notify();
  const stopListening = store.onNotify(partitionTopic(worker), wake);
  signal.addEventListener('abort', wake);
  let passed = -1;
  let since = clock.elapsed();
  try {
    for (;;) {
      signal.throwIfAborted();
      const state = await readPartitions(store.query, worker);
      if (state?.epoch !== epoch || state.moving === undefined || isComplete(state)) break;
      if (state.moving.passed.size !== passed) {
        passed = state.moving.passed.size;
        since = clock.elapsed();
        onStep?.({ step: 'passed', passed, of: size });
      } else if (clock.elapsed() - since > patience) {
        throw new FlotillaError('partitions.waiting', `${passed} of ${size} of ${worker} have passed`);
      }
      await wakeup.wait(POLL_INTERVAL_MS);
    }
    onStep?.({ step: 'passed', passed: size, of: size });
  } finally {
    signal.removeEventListener('abort', wake);
    stopListening();
  }
}

function complete({ epoch, moving }: Moving, { store, worker }: MovePartitionsOptions): Promise<void> {
  return store.transaction(async (tx) => {
    const state = await readPartitions(tx.sql, worker);
    if (state?.epoch === epoch && isComplete(state)) await writePartitions(tx, worker, { epoch, size: moving.to });
  });
}

/** Declares and binds the partitions that the worker consumes. While the broker has two sets, no other process does. */
async function ensureSet(size: SetSize, { broker, names, worker, signal }: MovePartitionsOptions): Promise<void> {
  const { exchanges, queues, bindings, entry } = partitionSet(worker, size, names);
  await broker.applyTopology({ exchanges, queues, bindings: [...bindings, entry] }, signal);
}

async function removeOthers(size: SetSize, options: MovePartitionsOptions): Promise<number> {
  const { broker, names, worker, defined, clock, signal } = options;
  const place = { broker, names, worker, signal, ...(clock && { clock }) };
  const sets = await setsInBroker(broker, worker, sizesOf(defined), names);
  let late = 0;
  for (const other of sets) if (other !== size) late += await removeSet(other, place);
  return late;
}
