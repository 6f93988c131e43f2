import type { Decider } from '../aggregates/decider.js';
import { sagaEvents } from '../events/saga-events.js';
import { decide, type SagaInput } from './decide.js';
import { evolve, initialState, type SagaEvent, type SagaState } from './state.js';
import type { SagaDefinition } from './types.js';

export type SagaDecider = Decider<SagaState, SagaInput, SagaEvent>;

const types = Object.keys(sagaEvents) as SagaEvent['type'][];

/** A saga as a decider over messages: what has come so far is its state, what comes is its command, what it decides are
 *  events of its stream. Commands and timers follow from those. */
export function sagaDecider(definition: SagaDefinition): SagaDecider {
  return {
    aggregate: definition.name,
    events: types,
    initial: initialState,
    decide: (input, state) => decide(definition, input, state),
    evolve,
  };
}
