import { expect } from 'chai';
import fc from 'fast-check';
import { stepState, evolve, initialState } from '../../../src/sagas/decision/state.js';
import { tripSaga, TripRun } from '../support/trip.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

/** Any input of a saga, caused by one of its commands or by none. */
const happening = fc.record({
  what: fc.constantFrom(
    'trip.asked',
    'trip.dropped',
    'flight.booked',
    'flight.refused',
    'flight.cancelled',
    'flight.kept',
    'hotel.booked',
    'hotel.refused',
    'hotel.cancelled',
    'mail.sent',
    'message.dead_lettered',
    'message.discarded',
    'wait',
    'retry',
    'compensate',
  ),
  reason: fc.constantFrom('busy', 'full'),
  command: fc.nat(12),
});

type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function apply(trip: TripRun, { what, reason, command }: Happening): void {
  const given = Object.values(trip.state.steps).flatMap(({ forward, back }) => [...forward.commands, ...back.commands]);
  const id = given[command % (given.length + 1)];
  try {
    if (what === 'wait') trip.state.waiting !== undefined && trip.wait();
    else if (what === 'retry') trip.retry();
    else if (what === 'compensate') trip.compensate();
    else if (what.startsWith('message.')) trip.receive(what, { eventId: id ?? null, type: 'x.y', code: 'c', reason });
    else trip.receive(what, { reason, days: 1, seat: '1' }, id);
  } catch (error) {
    expect(error).to.have.property('code').that.is.oneOf(['saga.refused', 'saga.not_found']);
  }
}

describe('a saga that receives any messages in any order, any number of times', () => {
  const holds = (trip: TripRun) => {
    const { status, waiting } = trip.state;
    const steps = sagaDefinitionOf(tripSaga).steps.map((step) => ({ step, state: stepState(trip.state, step.name) }));
    const owed = steps.filter(
      ({ step: { compensate }, state: { executed, compensated } }) =>
        compensate !== undefined && compensated !== 'yes' && (executed === 'yes' || executed === 'maybe'),
    );
    expect(waiting !== undefined, `waits while ${status}`).to.equal(status === 'started' || status === 'compensating');
    if (status === 'completed') expect(steps.every(({ state: { executed } }) => executed === 'yes')).to.equal(true);
    if (status === 'compensated') expect(owed).to.deep.equal([]);
    if (status === 'failed') expect(owed).not.to.deep.equal([]);
    // compensation runs in reverse order: later steps known to have started are compensated first
    const begun = steps.map(({ state: { executed } }) => executed !== 'no');
    expect(begun.lastIndexOf(true) + 1, 'steps begin one after the other').to.equal(begun.filter(Boolean).length);
  };

  it('waits for exactly one thing until it ends, and leaves nothing to compensate when it is compensated', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        const trip = new TripRun();
        for (const each of happenings) {
          apply(trip, each);
          holds(trip);
        }
        expect(trip.recorded.reduce(evolve, initialState), 'the state is rebuilt from the stream').to.deep.equal(
          trip.state,
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('ends once no more messages arrive', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 25 }), (happenings) => {
        const trip = new TripRun();
        trip.receive('trip.asked', { days: 1 });
        for (const each of happenings) apply(trip, each);
        for (let timers = 0; trip.state.waiting !== undefined; timers++) {
          expect(timers).to.be.below(40);
          trip.wait();
          holds(trip);
        }
        expect(trip.state.status).to.be.oneOf(['completed', 'compensated', 'failed']);
      }),
      { numRuns: 3000 },
    );
  });

  it('sends each command once, with a unique id', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        const trip = new TripRun();
        for (const each of happenings) apply(trip, each);
        const ids = trip.recorded.flatMap(({ type, data }) => (type === 'saga.step_started' ? [data.command.id] : []));
        expect(new Set(ids).size).to.equal(ids.length);
      }),
      { numRuns: 1000 },
    );
  });
});
