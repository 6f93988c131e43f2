import type { Decider } from '../../aggregates/decider.js';
import { sagaEvents } from '../../events/saga-events.js';
import { eventOf } from './saga-event.js';
import { sagaSituation, stepSituation, type Failure } from './situation.js';
import { evolve, initialState, type SagaEvent, type SagaState } from './state.js';
import { sagaTransitions, stepTransitions, transition, type Action } from './transitions.js';
import { triggerOf, type SagaInput } from './trigger.js';
import type { SagaDefinition } from '../definition/types.js';

/** Returns the events that a saga records for an input; none for a message that does not concern it. Throws
 *  `saga.not_found` or `saga.refused` for a rejected request of an operator, `saga.unknown_step` for a step that is no
 *  longer declared. */
export function decide(definition: SagaDefinition, input: SagaInput, state: SagaState): readonly SagaEvent[] {
  const trigger = triggerOf(definition, input, state);
  if (trigger === undefined) return [];
  const { sagaId, now, deriveId } = input;
  let failure: Failure | undefined;
  let actions: readonly Action[];
  if ('step' in trigger) {
    const situation = stepSituation(definition, state, trigger, now);
    ({ failure } = situation);
    actions = transition(stepTransitions[trigger.on], situation);
  } else {
    actions = transition(sagaTransitions[trigger.on], sagaSituation(state));
  }
  const events: SagaEvent[] = [];
  let after = state;
  for (const action of actions) {
    const event = eventOf(action, { definition, sagaId, now, deriveId, trigger, failure, state: after });
    events.push(event);
    after = evolve(after, event);
  }
  return events;
}

export type SagaDecider = Decider<SagaState, SagaInput, SagaEvent>;

const types = Object.keys(sagaEvents) as SagaEvent['type'][];

/** A saga as a decider over its inputs. */
export function sagaDecider(definition: SagaDefinition): SagaDecider {
  return {
    aggregate: definition.name,
    events: types,
    initial: initialState,
    decide: (input, state) => decide(definition, input, state),
    evolve,
  };
}
