import type { DataOf, Definitions } from '../events/definitions.js';
import type { SnapshotPolicy } from './snapshot-policy.js';

/** What a decider decides: the type and data of an event; the envelope comes later. */
export type Decided<D extends Definitions, T extends keyof D & string> = T extends unknown
  ? { type: T; data: DataOf<D, T> }
  : never;

/**
 * How one kind of aggregate decides. Both functions are pure: the same command and state always give the same events,
 * the same state and event the same state.
 */
export interface Decider<
  State,
  Command,
  Event extends { type: string; data: unknown } = { type: string; data: unknown },
> {
  /** The first part of the stream's name: `order` of `order/<id>`. */
  readonly aggregate: string;
  /** The event types of its streams that it evolves by; others in the stream are passed over. */
  readonly events: readonly Event['type'][];
  readonly initial: State;
  /** The events that follow from the command; none when there is nothing to change. Throws to refuse. */
  readonly decide: (command: Command, state: State) => readonly Event[];
  readonly evolve: (state: State, event: Event) => State;
  /** For aggregates with long streams. The state must then be what JSON gives back unchanged (no undefined in a list, no
   *  Map, no Date). @default every load reads all of the stream */
  readonly snapshot?: SnapshotPolicy;
}
