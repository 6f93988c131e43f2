import { createEvent } from '../events/create.js';
import type { Definitions } from '../events/definitions.js';
import type { EventContext, UnsequencedEvent } from '../events/envelope.js';
import type { Snapshot, Tx } from '../store/store.js';
import type { Decider } from './decider.js';
import { checkVersion, type ExpectedVersions } from './expected-versions.js';
import { dueSnapshot } from './snapshot-policy.js';
import { expectedBy, loadStream, streamOf, type Loaded } from './load.js';

/** Creates the context of an event that a command produces; called once for each event, in order. */
export type NextContext = (subject: string, type: string) => EventContext;

/** The methods of a transaction that `executeCommand` uses. */
export type CommandTx = Pick<Tx, 'read' | 'append' | 'snapshot' | 'saveSnapshot'>;

/** A precondition of a command. */
export interface Expectation {
  /** The versions at which the command may be executed. @default any version */
  expectedVersion?: ExpectedVersions | undefined;
}

/** Options of a command that is executed within a transaction. */
export interface ExecuteOptions extends Expectation {
  /** Creates the context of each new event: a route passes the `origin` of its request. Workers execute commands by
   *  `ctx.execute` and `tx.execute`, which derive the context from the handled event. */
  origin: NextContext;
}

/** The result of deciding a command. */
export interface Decision<State> {
  events: UnsequencedEvent[];
  /** The state after the events. */
  state: State;
  /** The snapshot to store with the events; undefined unless the snapshot policy requires one. */
  snapshot: Snapshot | undefined;
}

/**
 * Executes a command within a transaction: loads the aggregate, decides, appends at the loaded version, and stores a
 * snapshot if the decider's snapshot policy requires one. Resolves with the state after the command. Throws the errors
 * of `decide`, or `store.conflict` (a `ConflictError`) when the aggregate is not at `expectedVersion`; for an aggregate
 * that does not exist, `decide` runs first, so that it can throw its own error.
 */
export async function executeCommand<State, Command, Event extends { type: string; data: unknown }>(
  tx: CommandTx,
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  id: string,
  command: Command,
  { origin, ...expectation }: ExecuteOptions,
): Promise<Loaded<State>> {
  const stream = streamOf(decider, id);
  const seen = await loadStream(tx, definitions, decider, stream);
  const { events, state, snapshot } = decideOn(definitions, decider, stream, seen, command, origin, expectation);
  if (events.length === 0) return { state, version: seen.version };
  const { version, appended } = await tx.append(stream, expectedBy(seen), events);
  if (appended < events.length) {
    // some ids were stored before: the events of this decision are already in the stream
    const { state: now, version: head } = await loadStream(tx, definitions, decider, stream);
    return { state: now, version: head };
  }
  if (snapshot !== undefined) await tx.saveSnapshot(stream, snapshot);
  return { state, version };
}

/** Decides on a loaded aggregate; stores nothing. */
export function decideOn<State, Command, Event extends { type: string; data: unknown }>(
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  stream: string,
  seen: Loaded<State> & { snapshotVersion: number },
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
  const snapshot =
    events.length === 0 ? undefined : dueSnapshot(decider.snapshot, { state, version: after }, seen.snapshotVersion);
  return { events, state, snapshot };
}
