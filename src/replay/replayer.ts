import type { Broker } from '../broker/contract.js';
import type { Names } from '../broker/topology.js';
import type { Store } from '../store/contract.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import type { HoldBackOptions } from './hold-back.js';
import type { History } from './history.js';

/** What a replay works with. */
export interface Replayer {
  /** In which replays are kept. */
  store: Store;
  broker: Pick<Broker, 'createPublisher' | 'queueDepth'>;
  names: Names;
  worker: WorkerDefinition;
  /** The worker's own, where it is on this machine. */
  workerStore: Store | undefined;
  history: History;
  /** Milliseconds after which an inbox may have forgotten what it handled. */
  memory: number;
  /** This process among all others. */
  holder: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  limits?: Partial<ReplayLimits>;
}

export interface ReplayLimits extends Omit<HoldBackOptions, 'signal' | 'onHold'> {
  /** Messages without a confirm at once. @default 200 */
  window: number;
  /** Milliseconds without a sign of life after which a process counts as dead. @default 10000 */
  live: number;
  /** Milliseconds between a reset and the look for the end of history: the log may have an event a little later than the
   *  queue from which it was handled. @default 1000 */
  settle: number;
}
