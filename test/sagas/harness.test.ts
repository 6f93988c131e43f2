import { expect } from 'chai';
import { derivedId } from 'flotilla';
import { harness, type TestEvent } from 'flotilla/testing';
import { journeys, tripSaga } from './support/trip.js';

const worker = journeys.defineWorker({ name: 'trips', sagas: [tripSaga] });
const START = Date.parse('2026-01-01T00:00:00Z');
const about = { saga: 'travel', sagaId: 't1' };

const trip = (type: string, data: object = {}): TestEvent => ({
  type,
  data: { tripId: 't1', ...data },
  subject: 'trip/t1',
  id: `the ${type}`,
});
const commandId = (step: string, direction: string) => derivedId(START, 'saga', 'travel', 't1', step, direction, 1);

describe('the harness, with a worker that runs a saga', () => {
  const scenario = harness(worker, { now: () => START }).given(trip('trip.asked', { days: 3 }));

  it('returns the events and the command of a transition', async () => {
    const step = { ...about, step: 'flight', direction: 'forward', attempt: 1 };
    const message = { type: 'flight.booked', id: 'the flight.booked', source: 'test' };
    const id = commandId('hotel', 'forward');
    await scenario.when(trip('flight.booked', { seat: '7A' })).emits(
      { type: 'saga.step_completed', subject: 'travel/t1', data: { ...step, message, result: '7A' } },
      {
        type: 'saga.step_started',
        subject: 'travel/t1',
        data: {
          ...step,
          step: 'hotel',
          command: { type: 'hotel.book', id },
          timeoutAt: '2026-01-01T00:02:00.000Z',
        },
      },
      { type: 'hotel.book', subject: 'trip/t1', data: { tripId: 't1', seat: '7A' } },
    );
  });

  it('returns the effects of a time-out', async () => {
    const timer = { ...about, step: 'flight', direction: 'forward', attempt: 1, timer: 'timeout' };
    const due = { type: 'saga.timer_due', subject: 'travel/t1', data: timer };
    const { outcome, emitted } = await scenario.when(due).result(async (store) => {
      expect(await store.nextTimer()).to.equal(START + 10_000);
    });
    expect(outcome).to.equal('done');
    expect(emitted.map(({ type }) => type)).to.deep.equal(['saga.step_failed']);
    expect(emitted[0]?.data).to.include({ cause: 'timeout', retryAt: '2026-01-01T00:00:10.000Z' });
  });

  it('advances the clock to a time-out and returns the scheduled retry', async () => {
    const { emitted, scheduled } = await scenario.advance('1m').result();
    expect(emitted.map(({ type }) => type)).to.deep.equal(['saga.timer_due', 'saga.step_failed']);
    expect(scheduled.map(({ type, at }) => [type, at])).to.deep.equal([['saga.timer_due', '2026-01-01T00:01:10.000Z']]);
  });

  it('fails when other events follow', async () => {
    const wrong: unknown = await scenario
      .when(trip('flight.refused', { reason: 'full' }))
      .emits({ type: 'saga.completed', subject: 'travel/t1', data: about })
      .catch((error: unknown) => error);
    expect(wrong).to.be.instanceOf(Error);
    expect((wrong as Error).message)
      .to.contain('saga.compensating')
      .and.contain('saga.compensated');
  });
});
