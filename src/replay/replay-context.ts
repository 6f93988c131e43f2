import type { Broker } from '../broker/broker.js';
import type { Names } from '../broker/topology/topology.js';
import type { Store } from '../store/store.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import type { ThrottleOptions } from './sending/throttle.js';
import type { History } from './history/history.js';

/** The stores, the broker and the history for a replay. */
export interface ReplayContext {
  /** The store `ops`, with the table of replays. */
  store: Store;
  broker: Pick<Broker, 'createPublisher' | 'queueDepth' | 'hasExchange'>;
  names: Names;
  worker: WorkerDefinition;
  /** The worker's own store; undefined if it is on another machine. */
  workerStore: Store | undefined;
  history: History;
  /** Milliseconds after which an inbox may have deleted its rows. */
  memory: number;
  /** The name of this process. */
  holder: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  limits?: Partial<ReplayLimits>;
}

export interface ReplayLimits extends Omit<ThrottleOptions, 'signal' | 'onThrottle'> {
  /** Maximum number of unconfirmed messages. @default 200 */
  window: number;
  /** Milliseconds without a heartbeat after which a process counts as dead. @default 10000 */
  heartbeatTimeout: number;
  /** Milliseconds between a reset and the determination of the end of history: an event may reach the stream slightly
   *  later than the queue from which it was handled. @default 1000 */
  settle: number;
}
