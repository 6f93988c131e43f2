import { isAccepted } from '../event-log/consumers/accept-entry.js';
import { consumeBatches } from '../event-log/consumers/batch-consumer.js';
import type { StreamConsumer } from '../event-log/consumers/stream-consumer.js';
import { defineStreamWorker } from '../worker/definition/define-worker.js';
import {
  workerDefinitionOf,
  type StreamWorkerContext,
  type Worker,
  type WorkerDefinition,
} from '../worker/definition/worker-definition.js';
import { fillGaps, noteGap } from './fill-gaps.js';
import { migrateJournal } from './migrations.js';
import { reachableStores, remedyFrom } from './reachable-stores.js';
import { insertRecords, recordOfEntry } from './rows.js';

/** Defines the journal, a worker that indexes all events of the fleet for searches of history. It stores each event
 *  once: from the stream or, if the stream has lost it, from the store of its service if that is reachable. It has its
 *  own store and no queue; one of several replicas writes. If signatures are required, unsigned events are ignored,
 *  unless their type allows their source. */
export function defineJournal({ name, store = name }: { name: string; store?: string }): Worker {
  return defineStreamWorker({ name, store, consumeStream: startJournal });
}

/** The journal among the workers of a fleet: the worker that consumes the stream directly. */
export function findJournal(workers: readonly Worker[]): WorkerDefinition | undefined {
  return workers.map(workerDefinitionOf).find(isJournal);
}

export function isJournal({ consumeStream }: WorkerDefinition): boolean {
  return consumeStream !== undefined;
}

function startJournal({ serviceStores, verify, definitions, ...consumer }: StreamWorkerContext): StreamConsumer {
  const { store, logger } = consumer;
  const stores = reachableStores(serviceStores, logger);
  return consumeBatches({
    ...consumer,
    migrate: migrateJournal,
    decode: (entry) => (isAccepted(entry, { verify, definitions }) ? recordOfEntry(entry) : undefined),
    onBatch: async ({ sql }, records) => void (await insertRecords(sql, records)),
    onBreak: (tx, broken) => noteGap(tx, broken, Date.now()),
    onResume: (tx) => noteGap(tx, { kind: 'resumed' }, Date.now()),
    remedy: () => remedyFrom(stores),
    background: ({ breaks, alarms, signal }) =>
      fillGaps(store, { stores, breaks, alarms, logger, signal, now: Date.now }),
  });
}
