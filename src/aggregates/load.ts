import { upcast } from '../events/decode.js';
import type { Definitions } from '../events/definitions.js';
import type { Snapshot } from '../store/store.js';
import type { StoredEvent } from '../store/stored-event.js';
import type { Decider } from './decider.js';
import { readSnapshot } from './snapshot-policy.js';

/** The state of an aggregate at a version of its stream. */
export interface Loaded<State> {
  state: State;
  /** The version of the stream; 0 if the stream does not exist. */
  version: number;
}

/** A source of stream events: a store or a transaction. */
export interface StreamReader {
  /** Returns the events of a stream after a version, at most `limit`; a transaction may return all of them. */
  read(stream: string, after?: number, limit?: number): Promise<StoredEvent[]>;
}

/** A source of aggregates: a store or a transaction. */
export interface AggregateReader extends StreamReader {
  snapshot(stream: string): Promise<Snapshot | undefined>;
}

const EVENTS_PER_PAGE = 1000;

/** Yields all events of a stream after a version, in pages. */
export async function* readStream(reader: StreamReader, stream: string, after = 0): AsyncGenerator<StoredEvent[]> {
  for (let version = after; ;) {
    const page = await reader.read(stream, version, EVENTS_PER_PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < EVENTS_PER_PAGE) return;
    version = last.version;
  }
}

/** Folds events into the state of an aggregate, beginning with `from`. */
export function rehydrate<State, Command, Event extends { type: string; data: unknown }>(
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  events: readonly StoredEvent[],
  from: Loaded<State> = { state: decider.initial, version: 0 },
): Loaded<State> {
  let { state } = from;
  for (const stored of events) {
    if (!decider.events.includes(stored.type)) continue;
    const { type, data } = upcast(definitions, stored.event);
    state = decider.evolve(state, { type, data } as Event); // its type is one of the decider's, its data was checked
  }
  return { state, version: events.at(-1)?.version ?? from.version };
}

/** Loads the current state of the aggregate `id`. Begins with the snapshot if it has the decider's shape and is not
 *  ahead of the stream; otherwise folds all events, read in pages. */
export async function loadAggregate<State, Command, Event extends { type: string; data: unknown }>(
  reader: AggregateReader,
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  id: string,
): Promise<Loaded<State>> {
  const { state, version } = await loadStream(reader, definitions, decider, streamOf(decider, id));
  return { state, version };
}

/** Loads an aggregate by the name of its stream. Also returns the version of the snapshot used; 0 without one. */
export async function loadStream<State, Command, Event extends { type: string; data: unknown }>(
  reader: AggregateReader,
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  stream: string,
): Promise<Loaded<State> & { snapshotVersion: number }> {
  const snapshot = await readSnapshot<State>(reader, decider.snapshot, stream);
  if (snapshot !== undefined) {
    const loaded = await readOn(snapshot);
    // no event follows the snapshot: it may be ahead of a stream that was restored to an earlier state
    if (loaded.version > snapshot.version || (await hasVersion(reader, stream, snapshot.version))) {
      return { ...loaded, snapshotVersion: snapshot.version };
    }
  }
  return { ...(await readOn({ state: decider.initial, version: 0 })), snapshotVersion: 0 };

  async function readOn(from: Loaded<State>): Promise<Loaded<State>> {
    let loaded = from;
    for await (const page of readStream(reader, stream, from.version)) {
      loaded = rehydrate(definitions, decider, page, loaded);
    }
    return loaded;
  }
}

/** Returns the stream of an aggregate: `order/<id>`. */
export function streamOf(decider: { readonly aggregate: string }, id: string): string {
  return `${decider.aggregate}/${id}`;
}

async function hasVersion(reader: AggregateReader, stream: string, version: number): Promise<boolean> {
  const [event] = await reader.read(stream, version - 1, 1);
  return event?.version === version;
}

/** Returns the expected version for the append. */
export function expectedBy({ version }: { version: number }): number | 'none' {
  return version === 0 ? 'none' : version;
}
