import { expect } from 'chai';
import { decide } from '../../../src/sagas/decision/decide.js';
import { evolve, initialState, type SagaState } from '../../../src/sagas/decision/state.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import { newId } from '../../../src/events/ids.js';
import { journeys, tripSaga } from '../support/trip.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

const definition = { ...sagaDefinitionOf(tripSaga), answers: 'caused' as const };
const now = Date.parse('2026-01-02T00:00:00Z');

describe('a saga that accepts answers to its own commands only', () => {
  const receive = (state: SagaState, type: string, data: object, causationId?: string) => {
    const context = originContext({ source: 'test', subject: 'trip/t1', now });
    const cause = causationId === undefined ? {} : { causationId };
    const event = createEvent(journeys.definitions, type, { tripId: 't1', ...data }, { ...context, ...cause });
    const events = decide(definition, { kind: 'message', sagaId: 't1', now, event }, state);
    return { types: events.map((each) => each.type), rules: events.map(ruleOf), state: events.reduce(evolve, state) };
  };
  const ruleOf = ({ data }: { data: object }) => ('rule' in data ? data.rule : undefined);
  const commandOf = (state: SagaState, step: string, direction: 'forward' | 'back' = 'forward') =>
    state.steps[step]?.[direction].commands.at(-1);
  const begun = () => receive(initialState, 'trip.asked', { days: 3 }).state;

  it('continues with the answer that its command has caused', () => {
    const state = begun();
    const answered = receive(state, 'flight.booked', { seat: '7A' }, commandOf(state, 'flight'));
    expect(answered.types).to.deep.equal(['saga.step_completed', 'saga.step_started']);
  });

  it('records an answer without its command as its cause, and keeps waiting', () => {
    const state = begun();
    for (const cause of [undefined, 'another']) {
      for (const [type, data] of [
        ['flight.booked', { seat: '7A' }],
        ['flight.refused', { reason: 'forged' }],
      ] as const) {
        const { types, rules, state: after } = receive(state, type, data, cause);
        expect(types).to.deep.equal(['saga.message_noted']);
        expect(rules).to.deep.equal(['unasked']);
        expect(after.waiting).to.deep.equal(state.waiting);
      }
    }
  });

  it('does not accept an answer caused by the command of another step or action', () => {
    const first = begun();
    const flight = commandOf(first, 'flight');
    const second = receive(first, 'flight.booked', { seat: '7A' }, flight).state;
    expect(receive(second, 'hotel.booked', {}, flight).rules).to.deep.equal(['unasked']);
    const undoing = receive(second, 'hotel.refused', { reason: 'full' }, commandOf(second, 'hotel')).state;
    expect(receive(undoing, 'flight.cancelled', {}, flight).rules).to.deep.equal(['unasked']);
    expect(receive(undoing, 'flight.cancelled', {}, commandOf(undoing, 'flight', 'back')).types).to.include(
      'saga.compensated',
    );
  });

  it('accepts the answer to an edited command once the original was dead-lettered', () => {
    const state = begun();
    const eventId = commandOf(state, 'flight') ?? '';
    const about = { deadLetterId: newId(now), worker: 'flights', eventId, type: 'flight.book', kind: 'command' };
    const context = originContext({ source: 'ops', subject: 'trip/t1', now });
    const event = createEvent(
      journeys.definitions,
      'message.dead_lettered',
      { ...about, code: 'worker.timeout', message: '' },
      context,
    );
    const noted = decide(definition, { kind: 'message', sagaId: 't1', now, event }, state).reduce(evolve, state);
    expect(receive(noted, 'flight.booked', { seat: '7A' }, 'edited').types).to.include('saga.step_completed');
  });
});
