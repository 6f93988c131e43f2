import { upcast } from '../events/decode.js';
import { createEvent } from '../events/create.js';
import type { Definitions } from '../events/definitions.js';
import type { EventContext, EventEnvelope } from '../events/envelope.js';
import type { StoredEvent } from '../store/stored-event.js';
import type { Tx } from '../store/contract.js';
import type { Decider } from './decider.js';

/** An aggregate as its stream tells it. */
export interface Loaded<State> {
  state: State;
  /** The stream's version; 0 when there is none. */
  version: number;
}

/** Makes the context of the event a command leads to; called once for each, in order. */
export type NextContext = (subject: string, type: string) => EventContext;

/** The state of an aggregate, from its events. */
export function rehydrate<State, Command, Event extends { type: string; data: unknown }>(
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  events: readonly StoredEvent[],
): Loaded<State> {
  let state = decider.initial;
  for (const stored of events) {
    if (isOwn(decider, stored.type)) state = decider.evolve(state, asDecided(upcast(definitions, stored.event)));
  }
  return { state, version: events.at(-1)?.version ?? 0 };

  function asDecided({ type, data }: EventEnvelope): Event {
    return { type, data } as Event;
  }
}

/** Loads the aggregate within the transaction, decides, and appends with the version it saw. Gives the state after it.
 *  Throws what `decide` throws, or `store.conflict`. */
export async function handleCommand<State, Command, Event extends { type: string; data: unknown }>(
  tx: Pick<Tx, 'read' | 'append'>,
  definitions: Definitions,
  decider: Decider<State, Command, Event>,
  id: string,
  command: Command,
  nextContext: NextContext,
): Promise<Loaded<State>> {
  const stream = `${decider.aggregate}/${id}`;
  const { state, version } = rehydrate(definitions, decider, await tx.read(stream));
  const decided = decider.decide(command, state);
  if (decided.length === 0) return { state, version };
  const events = decided.map(({ type, data }) => createEvent(definitions, type, data, nextContext(stream, type)));
  const result = await tx.append(stream, version === 0 ? 'none' : version, events);
  return { state: decided.reduce((next, event) => decider.evolve(next, event), state), version: result.version };
}

function isOwn(decider: { readonly events: readonly string[] }, type: string): boolean {
  return decider.events.includes(type);
}
