import { namesFor } from '../broker/topology/topology.js';
import { runProjections } from '../projections/run.js';
import { consumeQueue } from './consumption/consume-queue.js';
import { hasQueue } from './definition/queues.js';
import type { WorkerDefinition } from './definition/worker-definition.js';
import type { StartWorkerOptions } from './options.js';
import { prepareWorker } from './prepare.js';
import { NO_QUEUE, type WorkerState } from './state.js';

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

/** Starts a worker on existing topology: migrates its store, runs `setup` and `bootstrap`, then starts its projections
 *  and consumers. Rejects with the error of `setup`, or with `config.invalid` if the settings do not match their
 *  schema. */
export async function startWorker(definition: WorkerDefinition, given: StartWorkerOptions): Promise<RunningWorker> {
  const worker = await prepareWorker(definition, given);
  const { options, use } = worker;
  const { name, definitions } = definition;
  const { store, broker, prefix, instance, serviceStores, leaseTtl, verify, clock, logger, metrics } = options;

  const projections = await runProjections(definition.projections, { ...options, now: clock.now });
  const queue = hasQueue(definition) ? consumeQueue(worker) : undefined;
  const stream = definition.consumeStream?.({
    store,
    broker,
    stream: namesFor(prefix).log,
    worker: name,
    instance,
    serviceStores,
    leaseTtl,
    verify,
    definitions: options.definitions ?? definitions,
    logger,
    metrics,
  });

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
