import { messageOf } from '../errors.js';
import type { Decider } from '../aggregates/decider.js';
import { asJson, expectSame } from './expect-same.js';

/** Expectations of a decision. Every method checks synchronously: do not await it. */
export interface Expected<Event> {
  /** Exactly these events, in this order. An undefined field counts as missing, as in JSON. */
  then: (...events: readonly Event[]) => void;
  /** Expects no event. */
  nothing: () => void;
  /** Expects that the command is rejected with this code. */
  rejects: (code: string) => void;
}

/** A decider with its earlier events. */
export interface Given<Command, Event> {
  /** The command under test. */
  when: (command: Command) => Expected<Event>;
}

/** A test of a decider. `when` without `given` starts with no events. */
export interface Spec<Command, Event> extends Given<Command, Event> {
  /** The earlier events, oldest first. */
  given: (...events: readonly Event[]) => Given<Command, Event>;
}

/** Tests a decider without a store, a process or a clock:
 *  `spec(account).given(opened, deposited).when(withdraw).rejects('account.insufficient_funds')`. A failed expectation
 *  throws an `AssertionError` with the expected and the actual result. State and events are frozen, so that an impure
 *  decider fails; a decider with snapshots must decide the same on a state restored from a snapshot. */
export function spec<State, Command, Event extends { type: string; data: unknown }>(
  decider: Decider<State, Command, Event>,
): Spec<Command, Event> {
  const after = (events: readonly Event[]): Given<Command, Event> => ({
    when(command) {
      const seen = decideFrozen(decider, events, command);
      const then = (...expected: readonly Event[]) => {
        if (expected.some((event) => typeof event === 'function')) {
          throw new TypeError(
            'This specification expects nothing; end it with .then(…events), .nothing() or .rejects(code)',
          );
        }
        compare(seen, { events: expected }, `${decider.aggregate}: other events than expected`);
      };
      return {
        then,
        nothing: () => then(),
        rejects: (code) => compare(seen, { refused: code }, `${decider.aggregate}: not refused as expected`),
      };
    },
  });
  return { ...after([]), given: (...events) => after(events) };
}

/** The decision; `error` is the error of a rejection. */
type Seen = { events: readonly unknown[] } | { refused: string; error: unknown };

function decideFrozen<State, Command, Event extends { type: string; data: unknown }>(
  decider: Decider<State, Command, Event>,
  events: readonly Event[],
  command: Command,
): Seen {
  const initial = freeze(decider.initial);
  const state = freeze(events).reduce((before, event) => freeze(decider.evolve(before, event)), initial);
  const seen = decide(decider, freeze(command), state);
  if (decider.snapshot !== undefined) {
    const kept = decide(decider, command, freeze(asJson(state)));
    compare(kept, comparable(seen), `${decider.aggregate}: decides otherwise on the state out of a snapshot`);
  }
  return seen;
}

function decide<State, Command>(
  decider: { decide: (command: Command, state: State) => readonly unknown[] },
  command: Command,
  state: State,
): Seen {
  try {
    return { events: decider.decide(command, state) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      return { refused: error.code, error };
    }
    throw error; // not a refusal but a defect
  }
}

function comparable(seen: Seen): object {
  return 'refused' in seen ? { refused: seen.refused } : { events: seen.events };
}

function compare(seen: Seen, expected: object, what: string): void {
  expectSame(comparable(seen), expected, what, {
    notes: 'refused' in seen ? [`refused: ${messageOf(seen.error)}`] : [],
  });
}

/** Freezes plain objects and lists at any depth. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const field of Object.values(value)) freeze(field);
  return value;
}
