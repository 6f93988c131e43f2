import { messageOf } from '../errors.js';
import { runProjections } from '../projections/run.js';
import type { ProjectionState } from '../projections/status.js';
import { runWindows, type WindowsState } from '../windows/reader/run-windows.js';
import { consumeQueue, type QueueState } from './consumption/consume-queue.js';
import { hasQueue } from './definition/queues.js';
import type { WorkerDefinition } from './definition/worker-definition.js';
import { prepareWorker, type StartWorkerOptions } from './prepare.js';

export interface WorkerState extends QueueState {
  name: string;
  /** One entry per projection. */
  projections: readonly ProjectionState[];
  /** One entry per window computation. */
  windows: readonly WindowsState[];
  /** The result of `check` of the worker. */
  fault?: string | undefined;
}

/** The state of a worker without a queue. */
const NO_QUEUE: QueueState = {
  consuming: true,
  circuitBreaker: 'closed',
  pauses: [],
  full: [],
  partitions: [],
  inFlight: 0,
  overdue: 0,
  abandoned: 0,
  unpublished: 0,
  stuck: false,
};

export interface RunningWorker {
  readonly name: string;
  state: () => WorkerState;
  /** Resolves when its projections have handled all events stored at the time of the call. Rejects if one is
   *  stopped. */
  caughtUp: () => Promise<void>;
  /** Stops consuming, waits at most `deadline` milliseconds for the messages in flight, requeues the others and runs
   *  `teardown`. */
  stop: (deadline: number) => Promise<void>;
}

/** Starts a worker on existing topology: migrates its store, runs `setup` and `bootstrap`, then starts its projections,
 *  windows and consumers. Rejects with the error of `setup`, or with `config.invalid` if the settings do not match their
 *  schema. */
export async function startWorker(definition: WorkerDefinition, options: StartWorkerOptions): Promise<RunningWorker> {
  const worker = await prepareWorker(definition, options);
  const { name } = definition;
  const projections = await runProjections(definition.projections, { ...worker, now: worker.clock.now });
  const windows = await runWindows(definition.windows, { ...worker, stream: worker.names.log });
  const queue = hasQueue(definition) ? consumeQueue(worker) : undefined;
  const stream = definition.consumeStream?.({ ...worker, stream: worker.names.log, worker: name });

  return {
    name,
    state: () => ({
      name,
      ...(queue?.state() ?? NO_QUEUE),
      ...(stream !== undefined && { log: stream.state() }),
      projections: projections.state(),
      windows: windows.state(),
      fault: faultOf(definition, worker.use),
    }),
    caughtUp: projections.caughtUp,
    async stop(deadline) {
      await queue?.stop(deadline);
      await stream?.stop();
      await windows.stop();
      await projections.stop();
      await definition.teardown(worker.use);
    },
  };
}

/** A check that throws is a fault itself. */
function faultOf({ check }: WorkerDefinition, use: unknown): string | undefined {
  try {
    return check(use);
  } catch (error) {
    return messageOf(error);
  }
}
