import type { StreamConsumerState } from '../event-log/consumers/stream-consumer.js';
import type { ProjectionState } from '../projections/status.js';
import type { CircuitBreakerState } from './circuit-breaker/circuit-breaker.js';
import type { PauseReason } from './consumption/gate.js';

/** The state of the part of a worker that handles messages of its queue. */
export interface QueueState {
  consuming: boolean;
  circuitBreaker: CircuitBreakerState;
  /** Milliseconds since the circuit breaker was last closed; undefined while it is closed. */
  openFor?: number | undefined;
  /** The failure of the dependency that opened the circuit breaker. */
  openCause?: string | undefined;
  pauses: readonly PauseReason[];
  /** Milliseconds until consumption resumes; undefined if that does not depend on time. */
  pausedFor?: number | undefined;
  inFlight: number;
  /** Handlers that have exceeded their timeout and have not settled. */
  overdue: number;
  /** Handlers that have not settled after several times their timeout; their messages count as failed. */
  abandoned: number;
  /** Failed messages whose copy for a retry or the dead letters the broker has not confirmed. */
  unpublished: number;
  /** Whether overdue and unpublished messages occupy every slot of the prefetch: nothing more is handled until a slot
   *  is free. */
  stuck: boolean;
  /** For a worker that consumes the stream. */
  log?: StreamConsumerState;
}

export interface WorkerState extends QueueState {
  name: string;
  /** One entry per projection. */
  projections: readonly ProjectionState[];
}

/** The state of a worker without a queue. */
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
