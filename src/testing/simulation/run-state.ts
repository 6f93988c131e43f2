import type { AsyncLocalStorage } from 'node:async_hooks';
import type { FaultPlan } from './faults.js';
import type { SimulatedProcess } from './process.js';
import type { QueuedMessage } from './queue.js';
import type { Latencies } from './seeded.js';
import type { Trace } from './trace.js';
import type { VirtualClock } from './virtual-clock.js';

/** A process and the message that it handles. */
export interface Handling {
  process: SimulatedProcess;
  message: QueuedMessage;
  /** The types of what it has appended. */
  appended: string[];
}

/** What everything in one run shares. */
export interface RunParts {
  readonly clock: VirtualClock;
  readonly latencies: Latencies;
  readonly faults: FaultPlan;
  readonly trace: Trace;
  /** Whose code runs. */
  readonly handling: AsyncLocalStorage<Handling>;
  readonly counts: Counts;
}

/** How many there were, of what faults count. */
export interface Counts {
  deliveries: number;
  commits: number;
  calls: number;
  /** Copies of failed messages. */
  copies: number;
  crashes: number;
}
