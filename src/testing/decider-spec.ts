import { messageOf } from '../errors.js';
import type { Decider } from '../aggregates/decider.js';
import { asJson, expectSame } from '../aggregates/expect-same.js';

/** What a decider is expected to decide. Every method looks at once and gives nothing back: there is nothing to await. */
export interface Expected<Event> {
  /** Exactly these events, in this order; a field that is undefined is one that is not there, as in JSON. */
  then: (...events: readonly Event[]) => void;
  /** No event: there is nothing to change. */
  nothing: () => void;
  /** It is refused with this code. */
  rejects: (code: string) => void;
}

export interface Given<Command, Event> {
  /** The command that is looked at. */
  when: (command: Command) => Expected<Event>;
}

export interface Spec<Command, Event> extends Given<Command, Event> {
  /** What has happened before, the oldest first. */
  given: (...events: readonly Event[]) => Given<Command, Event>;
}

/**
 * Tests a decider as it is: `spec(account).given(opened, deposited).when(withdraw).rejects('account.insufficient_funds')`.
 * Without store, process or clock; an expectation that does not hold throws an `AssertionError` with what was expected
 * and what was seen. State and events are frozen, so that a decider that is not pure is found out; one that keeps
 * snapshots must decide the same on the state as a snapshot gives it back.
 */
export function spec<State, Command, Event extends { type: string; data: unknown }>(
  decider: Decider<State, Command, Event>,
): Spec<Command, Event> {
  const after = (events: readonly Event[]): Given<Command, Event> => ({
    when(command) {
      const seen = decideFrozen(decider, events, command);
      const then = (...expected: readonly Event[]) => {
        if (expected.some((event) => typeof event === 'function')) {
          throw new TypeError('Nothing is awaited here: say .then(…events), .nothing() or .rejects(code)');
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

/** What was decided, as far as it is compared; `error` is what a refusal says. */
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
    throw error; // not a refusal, but a fault
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

/** Plain objects and lists, at any depth. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const field of Object.values(value)) freeze(field);
  return value;
}
