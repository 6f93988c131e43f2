import { runProjections } from '../projections/run.js';
import { consumeQueue } from './consumption/consume-queue.js';
import { consumeStream } from './consumption/consume-stream.js';
import { hasQueue } from './definition/queues.js';
import type { WorkerDefinition } from './definition/worker-definition.js';
import type { StartWorkerOptions } from './options.js';
import { prepareWorker } from './prepare.js';
import { NO_QUEUE, type WorkerState } from './state.js';

export interface RunningWorker {
  readonly name: string;
  state: () => WorkerState;
  /** Resolves when its projections have handled all events that the store holds now. Rejects when one has stopped. */
  caughtUp: () => Promise<void>;
  /** Stops consuming, waits at most `deadline` milliseconds for the messages in flight, returns the rest to the queue
   *  and runs `teardown`. */
  stop: (deadline: number) => Promise<void>;
}

/** Starts a worker on topology that exists: migrates its store, runs `setup` and `bootstrap`, then its projections and
 *  its consumers. Rejects as `setup`, or with `config.invalid` when the settings are not as declared. */
export async function startWorker(defined: WorkerDefinition, given: StartWorkerOptions): Promise<RunningWorker> {
  const worker = await prepareWorker(defined, given);
  const { definition, options, use } = worker;
  const { name, projections: defs } = definition;
  const { clock, ...rest } = options;

  const projections = await runProjections(defs, { ...rest, now: clock.now });
  const queue = hasQueue(definition) ? consumeQueue(worker) : undefined;
  const stream = consumeStream(worker);

  return {
    name,
    state: () => ({
      name,
      ...(queue?.state() ?? NO_QUEUE),
      ...(stream !== undefined && { log: stream.state() }),
      projections: projections.state(),
    }),
    caughtUp: projections.caughtUp,
    async stop(deadline) {
      await queue?.stop(deadline);
      await stream?.stop();
      await projections.stop();
      await definition.teardown(use);
    },
  };
}
