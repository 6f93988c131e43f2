import { defineStreamWorker } from '../worker/definition/define-worker.js';
import { workerDefinitionOf, type Worker, type WorkerDefinition } from '../worker/definition/worker-definition.js';
import { runJournal } from './run-journal.js';

/** Defines the journal, a worker that indexes all events of the fleet for searches of history. It stores each event
 *  once: from the stream or, if the stream has lost it, from the store of its service if that is reachable. It has its
 *  own store and no queue; one of several replicas writes. If signatures are required, unsigned events are ignored,
 *  unless their type allows their source. */
export function defineJournal({ name, store = name }: { name: string; store?: string }): Worker {
  return defineStreamWorker({ name, store, consumeStream: runJournal });
}

/** The journal among the workers of a fleet: the worker that consumes the stream directly. */
export function findJournal(workers: readonly Worker[]): WorkerDefinition | undefined {
  return workers.map(workerDefinitionOf).find(isJournal);
}

export function isJournal({ consumeStream }: WorkerDefinition): boolean {
  return consumeStream !== undefined;
}
