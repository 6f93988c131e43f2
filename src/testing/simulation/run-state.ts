import type { AsyncLocalStorage } from 'node:async_hooks';
import type { FaultPlan } from './faults.js';
import type { MessageIdentity } from './broker/queue.js';
import type { Latencies } from './seeded.js';
import type { Trace } from './trace.js';
import type { VirtualClock } from './virtual-clock.js';

/** A process that can crash. After the crash, nothing that its code awaits settles. */
export interface CrashableProcess {
  /** The worker's name; with a number for several replicas. */
  readonly label: string;
  /** Settles with the work; never settles if the process has crashed. */
  guard<T>(work: () => Promise<T>): Promise<T>;
  /** Runs a commit of a handling, during which the process may crash. */
  commit<T>(work: () => Promise<T>): Promise<T>;
  /** Notifies a listener of a change in the store; another process may commit more before. */
  notify(topic: string, listener: () => void): void;
  crash(how: string): void;
}

/** A process and the message that it handles. */
export interface Handling {
  process: CrashableProcess;
  message: MessageIdentity;
  /** The types of the events that it has appended. */
  appended: string[];
}

/** The state that all parts of one run share. */
export interface RunState {
  readonly clock: VirtualClock;
  readonly latencies: Latencies;
  readonly faults: FaultPlan;
  readonly trace: Trace;
  /** The handling whose code is running. */
  readonly handling: AsyncLocalStorage<Handling>;
  readonly counts: Counts;
}

/** The numbers of deliveries, commits, calls and copies of a run. */
export interface Counts {
  deliveries: number;
  commits: number;
  calls: number;
  /** Copies of failed messages. */
  copies: number;
  crashes: number;
}
