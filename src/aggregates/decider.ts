import type { DataOf, Definitions } from '../events/definitions.js';
import type { SnapshotPolicy } from './snapshot-policy.js';

/** An event as a decider returns it: type and data, without the envelope. */
export type Decided<D extends Definitions, T extends keyof D & string> = T extends unknown
  ? { type: T; data: DataOf<D, T> }
  : never;

/** The decision logic of one kind of aggregate. Both functions are pure: the same command and state always produce
 *  the same events, and the same state and event the same next state. */
export interface Decider<
  State,
  Command,
  Event extends { type: string; data: unknown } = { type: string; data: unknown },
> {
  /** The first segment of the stream name: `order` in `order/<id>`. */
  readonly aggregate: string;
  /** The event types that `evolve` handles; other events of the stream are skipped. */
  readonly events: readonly Event['type'][];
  readonly initial: State;
  /** Returns the events that result from the command; none if nothing changes. Throws to reject the command. */
  readonly decide: (command: Command, state: State) => readonly Event[];
  readonly evolve: (state: State, event: Event) => State;
  /** For aggregates with long streams. The state must survive a round trip through JSON unchanged (no undefined in
   *  an array, no Map, no Date). @default none: every load reads the whole stream */
  readonly snapshot?: SnapshotPolicy;
}

/** A decider on which a worker or an API executes commands: `{ ...order, emits: ['order.cancelled'] }`. */
export interface DeclaredAggregate<Type extends string = string> {
  readonly events: readonly Type[];
  /** The types that these commands emit. @default all of `events` */
  readonly emits?: readonly Type[];
}

/** The types that the commands on these aggregates emit. */
export function emittedByCommands(aggregates: readonly DeclaredAggregate[] = []): string[] {
  return aggregates.flatMap(({ events, emits = events }) => emits);
}
