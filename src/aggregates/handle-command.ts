import { createEvent } from '../events/create.js';
import type { Definitions } from '../events/definitions.js';
import type { EventContext, UnsequencedEvent } from '../events/envelope.js';
import type { Snapshot, Tx } from '../store/contract.js';
import type { Decider } from './decider.js';
import { checkVersion, type ExpectedVersions } from './expected-versions.js';
import { loadStream, streamOf, type Loaded } from './load.js';

/** Makes the context of the event a command leads to; called once for each, in order. */
export type NextContext = (subject: string, type: string) => EventContext;

export interface Expectation {
  /** The versions at which the command may be handled. @default any */
  expectedVersion?: ExpectedVersions | undefined;
}

/** What a command leads to. */
export interface Decision<State> {
  events: UnsequencedEvent[];
  /** After the events. */
  state: State;
  /** What is to be kept with them, as so many events have gone by since the last one. */
  snapshot: Snapshot | undefined;
}

/**
 * Loads the aggregate within the transaction, decides, appends with the version it saw and, where the decider says so,
 * keeps a snapshot. Gives the state after it. Throws what `decide` throws, or `store.conflict` (a `ConflictError`) when
 * the aggregate is not at `expectedVersion`; one that is not there is asked first, so that it can say so itself.
 */
export async function handleCommand<State, Command, Event extends { type: string; data: unknown }>(
  tx: Pick<Tx, 'read' | 'append' | 'snapshot' | 'keepSnapshot'>,
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  id: string,
  command: Command,
  nextContext: NextContext,
  expectation: Expectation = {},
): Promise<Loaded<State>> {
  const stream = streamOf(decider, id);
  const seen = await loadStream(tx, definitions, decider, stream);
  const { events, state, snapshot } = decideOn(definitions, decider, stream, seen, command, nextContext, expectation);
  if (events.length === 0) return { state, version: seen.version };
  const { version, appended } = await tx.append(stream, expectedBy(seen), events);
  if (appended < events.length) {
    // their ids were there already: what was decided is in the state that was read
    const { state: now, version: head } = await loadStream(tx, definitions, decider, stream);
    return { state: now, version: head };
  }
  if (snapshot !== undefined) await tx.keepSnapshot(stream, snapshot);
  return { state, version };
}

/** Decides on what was loaded; stores nothing. */
export function decideOn<State, Command, Event extends { type: string; data: unknown }>(
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  stream: string,
  seen: Loaded<State> & { kept: number },
  command: Command,
  nextContext: NextContext,
  { expectedVersion = seen.version }: Expectation,
): Decision<State> {
  const { version } = seen;
  if (version > 0) checkVersion(stream, version, expectedVersion);
  const decided = decider.decide(command, seen.state);
  checkVersion(stream, version, expectedVersion);
  const events = decided.map(({ type, data }) => createEvent(definitions, type, data, nextContext(stream, type)));
  const state = decided.reduce((next, event) => decider.evolve(next, event), seen.state);
  const after = version + events.length;
  const policy = decider.snapshot;
  const isDue = policy !== undefined && events.length > 0 && after - seen.kept >= policy.every;
  return { events, state, snapshot: isDue ? { version: after, shape: policy.shape, state } : undefined };
}

/** The version to append with. */
export function expectedBy({ version }: { version: number }): number | 'none' {
  return version === 0 ? 'none' : version;
}
