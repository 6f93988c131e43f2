import type { AsyncLocalStorage } from 'node:async_hooks';
import type { FaultPlan } from './faults.js';
import type { QueuedMessage } from './broker/queue.js';
import type { Latencies } from './seeded.js';
import type { Trace } from './trace.js';
import type { VirtualClock } from './virtual-clock.js';

/** A process that can crash. From then on nothing that its code awaits settles any more. */
export interface CrashableProcess {
  /** The worker's name; of several replicas, with a number. */
  readonly label: string;
  /** Settles as the work does; never, when the process has crashed before or by then. */
  guard<T>(work: () => Promise<T>): Promise<T>;
  /** Runs a commit of a handling, at which the process may crash. */
  commit<T>(work: () => Promise<T>): Promise<T>;
  crash(how: string): void;
}

/** A process and the message that it handles. */
export interface Handling {
  process: CrashableProcess;
  message: QueuedMessage;
  /** The types of the events that it has appended. */
  appended: string[];
}

/** The state that all parts of one run share. */
export interface RunState {
  readonly clock: VirtualClock;
  readonly latencies: Latencies;
  readonly faults: FaultPlan;
  readonly trace: Trace;
  /** The handling whose code runs. */
  readonly handling: AsyncLocalStorage<Handling>;
  readonly counts: Counts;
}

/** How many deliveries, commits, calls and copies a run had. */
export interface Counts {
  deliveries: number;
  commits: number;
  calls: number;
  /** Copies of failed messages. */
  copies: number;
  crashes: number;
}
