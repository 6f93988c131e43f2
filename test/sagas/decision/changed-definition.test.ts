import { expect } from 'chai';
import { baseCatalogue, catalogue, command, event } from 'flotilla';
import { z } from 'zod';
import { createEvent, originContext } from '../../../src/events/create.js';
import { sagaIdOf } from '../../../src/sagas/definition/definition.js';
import { decide } from '../../../src/sagas/decision/decide.js';
import { evolve, initialState, type SagaEvent, type SagaState } from '../../../src/sagas/decision/state.js';
import type { SagaInput } from '../../../src/sagas/decision/trigger.js';
import type { SagaDefinition } from '../../../src/sagas/definition/types.js';
import { begun, journeys, tripSaga } from '../support/trip.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

const whole = sagaDefinitionOf(tripSaga);
const now = Date.parse('2026-01-02T00:00:00Z');
const who = 'ann';

const without = (name: string): SagaDefinition => ({
  ...whole,
  steps: whole.steps.filter((step) => step.name !== name),
});

/** The decision of a saga in that state under another definition than the one it started with. */
function take(definition: SagaDefinition, state: SagaState, input: SagaInput): { types: string[]; state: SagaState } {
  const events = decide(definition, input, state);
  const words = ({ type, data }: SagaEvent) => [type, ...('step' in data ? [data.step ?? ''] : [])].join(' ').trim();
  return { types: events.map(words), state: events.reduce(evolve, state) };
}

function message(type: string, data: object, subject = 'trip/t1'): Extract<SagaInput, { kind: 'message' }> {
  const event = createEvent(journeys.definitions, type, data, originContext({ source: 'test', subject, now }));
  return { kind: 'message', sagaId: 't1', now, event };
}

describe('a saga whose definition changes while it runs', () => {
  const dropped = message('trip.dropped', { tripId: 't1', reason: 'ill' });
  const cancelled = message('flight.cancelled', { tripId: 't1' });

  it('compensates the declared steps, then fails at a step that is no longer declared', () => {
    const trip = begun('flight.booked', 'hotel.booked');
    const dropping = take(without('hotel'), trip.state, dropped);
    expect(dropping.types).to.deep.equal(['saga.compensating', 'saga.step_started flight']);
    const ended = take(without('hotel'), dropping.state, cancelled);
    expect(ended.types).to.deep.equal(['saga.step_completed flight', 'saga.failed hotel']);
    expect(ended.state).to.include({
      status: 'failed',
      failedStep: 'hotel',
      reason: 'the saga has no step hotel any more',
    });

    const again = take(without('hotel'), ended.state, { kind: 'retry', sagaId: 't1', now, who });
    expect(again.types).to.deep.equal(['saga.resumed', 'saga.failed hotel']);
    const declared = take(whole, again.state, { kind: 'retry', sagaId: 't1', now, who });
    expect(declared.types).to.deep.equal(['saga.resumed', 'saga.step_started hotel']);
    const undone = take(whole, declared.state, message('hotel.cancelled', { tripId: 't1' }));
    expect(undone.types).to.deep.equal(['saga.step_completed hotel', 'saga.compensated']);
  });

  it('ignores a refused or compensated step that is no longer declared', () => {
    const refused = begun('flight.booked');
    refused.receive('hotel.refused', { reason: 'full' });
    expect(take(without('hotel'), refused.state, cancelled).types).to.deep.equal([
      'saga.step_completed flight',
      'saga.compensated',
    ]);
    const undone = begun('flight.booked');
    undone.receive('trip.dropped', { reason: 'ill' });
    undone.receive('hotel.cancelled');
    expect(take(without('hotel'), undone.state, cancelled).state.status).to.equal('compensated');
  });

  it('throws the name of a missing step that it has to retry, and records nothing', () => {
    const { state } = begun('flight.booked');
    const timer = { saga: 'travel', sagaId: 't1', step: 'hotel', direction: 'forward', attempt: 1, timer: 'timeout' };
    const due = message('saga.timer_due', timer, 'travel/t1');
    for (const input of [due, { kind: 'retry', sagaId: 't1', now, who } as const]) {
      expect(() => decide(without('hotel'), input, state))
        .to.throw(/travel has no step hotel/)
        .with.property('code', 'saga.unknown_step');
    }
  });
});

describe('the messages of a saga', () => {
  it('are assigned by the part of the subject after the first slash by default', () => {
    for (const [subject, id] of [
      ['trip/t1', 't1'],
      ['trip/t1/return', 't1/return'],
      ['trip/', undefined],
      ['trip', undefined],
    ]) {
      const received = message('trip.dropped', { tripId: 't1', reason: 'ill' }, subject);
      expect(sagaIdOf(whole, received.event), subject).to.equal(id);
    }
  });

  const post = z.strictObject({ post: z.string() });
  const letters = catalogue(baseCatalogue, {
    'post.written': event({ 1: post }),
    'message.send': command({ 1: post }),
    'message.sent': event({ 1: post }),
  });
  const definition = sagaDefinitionOf(
    letters.defineSaga({
      name: 'posting',
      startedBy: 'post.written',
      correlate: ({ data }) => (data as { post: string }).post.toLowerCase(),
      input: () => null,
      subject: (id) => `post/${id}`,
      answers: 'any',
      steps: [
        {
          name: 'send',
          command: { type: 'message.send', data: ({ sagaId }) => ({ post: sagaId }) },
          done: 'message.sent',
          timeout: '1m',
        },
      ],
    }),
  );
  const receive = (state: SagaState, type: string) => {
    const context = originContext({ source: 'test', subject: 'post/p1', now });
    const received = createEvent(letters.definitions, type, { post: 'P1' }, context);
    expect(sagaIdOf(definition, received)).to.equal('p1');
    return take(definition, state, { kind: 'message', sagaId: 'p1', now, event: received });
  };

  it('may have types that begin like dead-letter notices', () => {
    const started = receive(initialState, 'post.written');
    expect(receive(started.state, 'message.sent').types).to.deep.equal(['saga.step_completed send', 'saga.completed']);
  });

  it('include dead-letter notices, assigned by the subject of the command', () => {
    const { state } = receive(initialState, 'post.written');
    const data = {
      deadLetterId: '00000000-0000-4000-8000-000000000000',
      worker: 'postman',
      eventId: state.steps['send']?.forward.commands[0] ?? '',
      type: 'message.send',
      kind: 'command',
      code: 'x',
      reason: 'no stamp',
    };
    const discarded = (subject: string) =>
      createEvent(letters.definitions, 'message.discarded', data, originContext({ source: 'ops', subject, now }));
    for (const other of ['dead-letter/p1', 'post/', 'posting/p1', 'posts/p1']) {
      expect(sagaIdOf(definition, discarded(other)), other).to.equal(undefined);
    }
    const notice = discarded('post/p1');
    expect(sagaIdOf(definition, notice)).to.equal('p1');
    expect(take(definition, state, { kind: 'message', sagaId: 'p1', now, event: notice }).types).to.deep.equal([
      'saga.step_failed send',
      'saga.compensating send',
      'saga.compensated',
    ]);
  });
});
