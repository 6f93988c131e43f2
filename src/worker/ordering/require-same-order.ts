import type { Broker } from '../../broker/broker.js';
import type { Names } from '../../broker/topology/topology.js';
import type { Clock } from '../../concurrency/clock.js';
import { sleep } from '../../concurrency/sleep.js';
import { FlotillaError, messageOf } from '../../errors.js';
import type { Store } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import { TOTAL_KEY } from './ordering.js';
import { readOrder, readPartitions, writeOrder } from './partitions/partition-table.js';
import { subjectOf } from './sequence.js';

/** The broker may report consumers of replicas that have just ended. */
const ENDING_MS = 5_000;
const POLL_INTERVAL_MS = 250;

export interface OrderPlace {
  store: Pick<Store, 'query' | 'transaction'>;
  broker: Pick<Broker, 'queueDepth'>;
  names: Names;
  clock: Pick<Clock, 'elapsed' | 'after'>;
  logger: Logger;
}

/** Throws `worker.order_changed` if messages of the worker are parked, or subjects held, in another order than that of its
 *  definition, or if replicas with another order consume its queues: the messages would be handled in none. The tables of an
 *  ordered worker must exist. */
export async function requireSameOrder(
  { name, ordering }: Pick<WorkerDefinition, 'name' | 'ordering'>,
  place: OrderPlace,
): Promise<void> {
  const { store, clock, logger } = place;
  const own = ordering?.by ?? 'none';
  await requireNoneParked(name, own, place);
  try {
    if (!(await isNew(name, own, place, clock.elapsed() + ENDING_MS))) return;
  } catch (error) {
    if (!isBrokerError(error)) throw error;
    logger.warn('cannot verify that no replica with another order runs', { error: messageOf(error) });
    return;
  }
  await store.transaction((tx) => writeOrder(tx, name, own));
}

async function requireNoneParked(name: string, own: string, { store }: Pick<OrderPlace, 'store'>): Promise<void> {
  const keys = await store.query<{ key: string }>`
    SELECT key FROM flotilla_parked WHERE worker = ${name} UNION SELECT key FROM flotilla_held WHERE worker = ${name}`;
  const other = keys.map(({ key }) => orderOf(key)).find((by) => by !== own);
  if (other === undefined) return;
  throw changed(`${name} has messages parked by '${other}', and its definition has '${own}'`);
}

/** Whether the replicas before had another order. Throws if they do not end before `end`. */
async function isNew(name: string, own: string, place: OrderPlace, end: number): Promise<boolean> {
  const { store, clock } = place;
  for (;;) {
    const recorded = await readOrder(store.query, name);
    if (recorded === own) return false;
    const found = recorded === undefined ? 0 : await consumersOf(name, recorded, place);
    if (found === 0) return true;
    if (clock.elapsed() >= end)
      throw changed(`${found} replicas of ${name} handle messages by '${recorded}', and its definition has '${own}'`);
    await sleep(POLL_INTERVAL_MS, undefined, clock.after);
  }
}

/** The most consumers of a queue from which replicas with an order receive their messages. */
async function consumersOf(name: string, order: string, { store, broker, names }: OrderPlace): Promise<number> {
  const queues = order === 'none' ? [names.queue(name)] : await partitionsOf(name, store, names);
  const depths = await Promise.all(queues.map((queue) => broker.queueDepth(queue)));
  return Math.max(0, ...depths.map((depth) => depth?.consumers ?? 0));
}

async function partitionsOf(name: string, { query }: Pick<Store, 'query'>, names: Names): Promise<string[]> {
  const state = await readPartitions(query, name);
  if (state === undefined) return [];
  return Array.from({ length: state.size }, (_, index) => names.partition(name, state.size, index));
}

function isBrokerError(error: unknown): boolean {
  return error instanceof FlotillaError && error.code.startsWith('broker.');
}

function changed(detail: string): FlotillaError {
  return new FlotillaError('worker.order_changed', detail);
}

function orderOf(key: string): string {
  if (key === TOTAL_KEY) return 'total';
  return subjectOf(key).source === undefined ? 'subject' : 'sequence';
}
