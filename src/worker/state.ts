import type { StreamConsumerState } from '../event-log/consumers/stream-consumer.js';
import type { ProjectionState } from '../projections/status.js';
import type { CircuitBreakerState } from './circuit-breaker/circuit-breaker.js';
import type { PauseReason } from './consumption/gate.js';

/** The state of the part of a worker that handles messages of its queue. */
export interface QueueState {
  consuming: boolean;
  circuitBreaker: CircuitBreakerState;
  /** For how many milliseconds the circuit breaker has not been closed; undefined while it is closed. */
  openFor?: number | undefined;
  pauses: readonly PauseReason[];
  /** Milliseconds until it consumes messages again; undefined where that does not depend on time. */
  pausedFor?: number | undefined;
  inFlight: number;
  /** Handlers that are over their timeout and have not settled. */
  overdue: number;
  /** Handlers that have not settled after several times their timeout; their messages count as failed. */
  abandoned: number;
  /** Failed messages whose copy for a retry or the dead letters the broker does not confirm. */
  unpublished: number;
  /** Whether overdue and unpublished messages occupy every slot (`prefetch`): nothing more is handled until one is free. */
  stuck: boolean;
  /** Of a worker that reads the log. */
  log?: StreamConsumerState;
}

export interface WorkerState extends QueueState {
  name: string;
  /** Of each of its projections. */
  projections: readonly ProjectionState[];
}

/** The state of a worker that has no queue. */
export const NO_QUEUE: QueueState = {
  consuming: true,
  circuitBreaker: 'closed',
  pauses: [],
  inFlight: 0,
  overdue: 0,
  abandoned: 0,
  unpublished: 0,
  stuck: false,
};
