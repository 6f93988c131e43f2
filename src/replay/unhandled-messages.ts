import type { OutgoingMessage } from '../broker/broker.js';
import type { Names } from '../broker/topology/topology.js';
import type { DeadLetterState } from '../dead-letters/dead-letter.js';
import { replayMessage } from '../dead-letters/operations/replay-message.js';
import { findDeadLetter, deadLetterPage } from '../dead-letters/storage/queries.js';
import type { EventEnvelope } from '../events/envelope.js';
import { addressAt } from './address-at.js';
import { eventMessage } from '../outbox/event-message.js';
import type { Store } from '../store/store.js';
import { readPages } from '../store/read-pages.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';

/** A worker and the store with its inbox. */
export interface WorkerWithInbox {
  definition: WorkerDefinition;
  store: Store;
}

export interface UnhandledOptions {
  /** The stores of all services, including `ops`. */
  sources: readonly Store[];
  /** All workers that have a queue. */
  workers: readonly WorkerWithInbox[];
  /** The store of dead letters. */
  ops: Store;
  names: Names;
  /** Milliseconds since the epoch: an inbox remembers every event of this time or later. */
  since: number;
  signal: AbortSignal;
}

/** A message for the queues of one worker. */
export interface UnhandledMessage {
  worker: string;
  message: OutgoingMessage;
}

const PAGE_SIZE = 1000;

/** Reconstructs the messages of the broker's queues from the stores: every published event that a worker handles and
 *  that is not in its inbox. Dead letters in `ops` are excluded, except those that were replayed and not handled since.
 *  A message that waited for a retry is returned without its attempts. Events before `since` count as handled. Yields
 *  in the order of each store. */
export async function* unhandledMessages(options: UnhandledOptions): AsyncGenerator<UnhandledMessage[]> {
  const { sources, workers, ops, names, since, signal } = options;
  const deadLetters = await deadLettersIn(ops);
  for (const source of sources) {
    const upTo = await source.checkpoint('relay');
    const filter = { since: new Date(since).toISOString() };
    for await (const page of readPages(source, { upTo, filter, signal })) {
      const found: UnhandledMessage[] = [];
      for (const event of page) {
        for (const { definition, store } of workers) {
          const { name } = definition;
          if (!definition.handlerOf.has(event.type) || deadLetters.settled.has(keyOf(name, event.id))) continue;
          if (await store.handled({ consumer: name, source: source.service, id: event.id })) continue;
          const message = eventMessage(event, '', source.service);
          found.push({ worker: name, message: { ...message, ...addressAt(definition, event.type, names) } });
        }
      }
      if (found.length > 0) yield found;
    }
  }
  const edited = await editedAndUnhandled(deadLetters.edited, options);
  if (edited.length > 0) yield edited;
  signal.throwIfAborted();
}

/** The events of stored dead letters, which must not be sent again, and the dead letters that were replaced by an
 *  edited event. */
async function deadLettersIn(ops: Store) {
  const settled = new Set<string>();
  const edited: { id: string; worker: string }[] = [];
  for (let offset = 0; ; offset += PAGE_SIZE) {
    const page = await deadLetterPage(ops, {}, { limit: PAGE_SIZE, offset, first: 'oldest' });
    for (const { id, worker, eventId, state, replacementId } of page) {
      const isSent: boolean = state === ('replayed' satisfies DeadLetterState);
      if (isSent && replacementId !== null) edited.push({ id, worker });
      if (eventId !== null && (!isSent || replacementId !== null)) settled.add(keyOf(worker, eventId));
    }
    if (page.length < PAGE_SIZE) return { settled, edited };
  }
}

async function editedAndUnhandled(
  edited: readonly { id: string; worker: string }[],
  { workers, ops, names }: UnhandledOptions,
): Promise<UnhandledMessage[]> {
  const found: UnhandledMessage[] = [];
  for (const { id, worker } of edited) {
    const store = workers.find(({ definition }) => definition.name === worker)?.store;
    const deadLetter = await findDeadLetter(ops, id);
    if (store === undefined || deadLetter.replacement === null) continue;
    const { id: eventId, source } = JSON.parse(deadLetter.replacement.body) as EventEnvelope;
    if (await store.handled({ consumer: worker, source, id: eventId })) continue;
    found.push({ worker, message: replayMessage(deadLetter, names) });
  }
  return found;
}

function keyOf(worker: string, eventId: string): string {
  return `${worker} ${eventId}`;
}
