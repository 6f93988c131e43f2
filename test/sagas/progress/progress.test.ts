import { expect } from 'chai';
import fc from 'fast-check';
import { sagaEntryMigrations, saveSagaEntry, loadSagaProgress } from 'flotilla';
import { createEvent, originContext } from '../../../src/events/create.js';
import { readSagaProgress } from '../../../src/sagas/progress/read-progress.js';
import { sagaProgress, type SagaEntry, type SagaProgress } from '../../../src/sagas/progress/progress.js';
import { createTempStore, type TempStore } from '../../store/support/temp-store.js';
import { begun, journeys, tripSaga, type TripRun } from '../support/trip.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

const steps = ['flight', 'hotel', 'mail'];

/** The entries of its stream, one second apart. */
function entriesOf({ recorded }: TripRun): SagaEntry[] {
  return recorded.map(({ type, data }, index) => ({ sequence: index + 1, time: timeOf(index + 1), type, data }));
}

const timeOf = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

function progressOf(trip: TripRun, now = trip.now): SagaProgress {
  return sagaProgress(entriesOf(trip), { saga: 'travel', sagaId: 't1', steps, now });
}

const states = (progress: SagaProgress) => progress.steps.map(({ name, state }) => `${name} ${state}`);
const texts = (progress: SagaProgress) => progress.entries.map(({ text }) => text);

describe('the progress of a saga', () => {
  it('reports completed steps and the end, without the data that the saga keeps of messages', () => {
    const trip = begun('flight.booked', 'hotel.booked', 'mail.sent');
    const progress = progressOf(trip);
    expect(progress).to.deep.include({
      status: 'completed',
      reason: null,
      startedAt: timeOf(1),
      endedAt: timeOf(8),
      waiting: null,
      complete: true,
    });
    expect(states(progress)).to.deep.equal(['flight done', 'hotel done', 'mail done']);
    expect(progress.steps[0]).to.deep.equal({
      name: 'flight',
      state: 'done',
      attempts: 1,
      compensationAttempts: 0,
      doneAt: timeOf(3),
      compensatedAt: null,
      failure: null,
    });
    expect(progress.entries.map(({ kind }) => kind)).to.deep.equal([
      'started',
      ...steps.flatMap(() => ['step_started', 'step_completed']),
      'completed',
    ]);
    expect(JSON.stringify(progress)).not.to.match(/7A|days|input|result/);
  });

  it('reports the awaited answer, its deadline and whether that has passed', () => {
    const trip = begun('flight.booked');
    const until = '2026-01-01T00:02:00.000Z';
    const waiting = { step: 'hotel', direction: 'forward', attempt: 1, for: 'answer', until, deadLettered: null };
    expect(progressOf(trip).waiting).to.deep.equal({ ...waiting, overdue: false });
    expect(progressOf(trip, Date.parse(until) + 1).waiting).to.deep.equal({ ...waiting, overdue: true });
    expect(states(progressOf(trip))).to.deep.equal(['flight done', 'hotel requested', 'mail not_started']);
    expect(texts(progressOf(trip)).at(-1)).to.equal(`hotel: hotel.book sent; answer expected by ${until}`);
  });

  it('reports time-outs and the time of the next attempt', () => {
    const trip = begun();
    trip.wait();
    const progress = progressOf(trip);
    expect(states(progress)[0]).to.equal('flight timed_out');
    expect(progress.steps[0]?.failure).to.equal('no answer within 1m');
    expect(progress.waiting).to.include({ step: 'flight', for: 'retry', until: '2026-01-01T00:01:10.000Z' });
    expect(texts(progress).at(-1)).to.equal(
      'flight: timed out: no answer within 1m; retry at 2026-01-01T00:01:10.000Z',
    );
    trip.wait();
    expect(progressOf(trip).steps[0]).to.include({ state: 'requested', attempts: 2, failure: 'no answer within 1m' });
    trip.receive('flight.booked', { seat: '1' });
    expect(progressOf(trip).steps[0]).to.include({ state: 'done', attempts: 2, failure: null });
  });

  it('reports why it is compensated and which steps are', () => {
    const trip = begun('flight.booked');
    trip.receive('hotel.refused', { reason: 'no bed' });
    const progress = progressOf(trip);
    expect(progress).to.include({ status: 'compensating', reason: 'no bed', endedAt: null });
    expect(states(progress)).to.deep.equal(['flight compensating', 'hotel refused', 'mail not_started']);
    expect(texts(progress)).to.include.members([
      'hotel: refused (hotel.refused): no bed; not retried',
      'compensation started, hotel failed: no bed',
    ]);
    trip.receive('flight.cancelled');
    expect(progressOf(trip)).to.include({ status: 'compensated', reason: 'no bed', endedAt: timeOf(9) });
    expect(progressOf(trip).steps[0]).to.include({
      state: 'compensated',
      compensatedAt: timeOf(8),
      compensationAttempts: 1,
    });
  });

  it('reports the step that cannot be compensated, and the operator who resumed it', () => {
    const trip = begun('flight.booked');
    trip.compensate();
    trip.receive('hotel.cancelled');
    trip.receive('flight.kept', { reason: 'too late' });
    trip.wait();
    trip.receive('flight.kept', { reason: 'too late' });
    const progress = progressOf(trip);
    expect(progress).to.include({ status: 'failed', reason: 'too late', endedAt: null, waiting: null });
    expect(states(progress)[0]).to.equal('flight compensation_failed');
    expect(texts(progress).at(-1)).to.equal(
      'failed: flight cannot be compensated (too late); manual intervention required',
    );
    trip.retry();
    expect(states(progressOf(trip))[0]).to.equal('flight compensating');
    expect(texts(progressOf(trip))).to.include.members([
      'compensation started, requested by ann: a test',
      'resumed by ann',
    ]);
  });

  it('reports the dead letter of the awaited command until it is replayed', () => {
    const trip = begun();
    const letter = { eventId: trip.command('flight', 'forward'), type: 'flight.book', code: 'contract.invalid_data' };
    trip.receive('message.dead_lettered', letter, letter.eventId);
    expect(progressOf(trip).waiting?.deadLettered).to.equal('flight.book: contract.invalid_data');
    trip.receive('message.replayed', letter, letter.eventId);
    expect(progressOf(trip).waiting?.deadLettered).to.equal(null);
    trip.receive('message.dead_lettered', letter, letter.eventId);
    trip.retry();
    expect(progressOf(trip).waiting).to.include({ attempt: 2, deadLettered: null });
  });

  it('reports a cancellation before the start', () => {
    const trip = begun();
    trip.recorded.length = 0;
    expect(progressOf(trip)).to.include({ status: 'not_started', startedAt: null, complete: false });
    const early: SagaEntry = {
      sequence: 1,
      time: timeOf(1),
      type: 'saga.message_noted',
      data: {
        saga: 'travel',
        sagaId: 't1',
        message: { type: 'trip.dropped', id: 'x', source: 'test' },
        rule: 'early_cancel',
        step: null,
        reason: 'rain',
      },
    };
    const progress = sagaProgress([early], { saga: 'travel', sagaId: 't1', steps, now: 0 });
    expect(progress).to.include({ status: 'not_started', reason: 'rain', complete: true });
  });

  it('is derived from entries in any order, and reports whether they are incomplete', () => {
    const trip = begun('flight.booked');
    trip.wait();
    trip.receive('flight.cancelled');
    trip.receive('hotel.booked');
    const all = entriesOf(trip);
    const whole = progressOf(trip);
    const options = { saga: 'travel', sagaId: 't1', steps, now: trip.now };
    fc.assert(
      fc.property(fc.shuffledSubarray(all), (some) => {
        const progress = sagaProgress(some, options);
        const known = some.map(({ sequence }) => sequence).sort((a, b) => a - b);
        expect(progress.complete).to.equal(known.length > 0 && known.at(-1) === known.length);
        expect(progress.entries).to.deep.equal(known.map((sequence) => whole.entries[sequence - 1]));
        if (some.length === all.length) expect(progress).to.deep.equal(whole);
      }),
    );
    expect(sagaProgress(all.slice(4), options).status).to.equal('compensating');
    expect(sagaProgress(all.slice(1, 3), options).status).to.equal('started');
  });
});

describe('entries of a saga in another store', () => {
  let temp: TempStore;
  beforeEach(async () => (temp = await createTempStore()));
  afterEach(() => temp.dispose());

  it('give the same progress as the stream, in any order and with duplicates', async () => {
    const store = await temp.open();
    await store.migrate('keeper', sagaEntryMigrations);
    const trip = begun('flight.booked');
    trip.receive('hotel.refused', { reason: 'no bed' });
    for (const { type, data } of trip.recorded) {
      const context = originContext({ source: 'core', subject: 'travel/t1', now: trip.now });
      await store.append('travel/t1', 'any', [createEvent(journeys.definitions, type, data, context)]);
    }
    const own = await readSagaProgress(store, sagaDefinitionOf(tripSaga), 't1', trip.now);
    expect(own).to.include({ status: 'compensating', complete: true });
    const copied = () => loadSagaProgress(store.query, tripSaga, 't1', trip.now);
    expect(await copied()).to.include({ status: 'not_started', complete: false });

    const events = (await store.read('travel/t1')).map(({ event }) => event);
    const order = fc.sample(fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 }), 1)[0] ?? [];
    for (const event of order) {
      await store.transaction(({ sql }) => saveSagaEntry(sql, event));
      expect((await copied()).entries.length).to.be.greaterThan(0);
    }
    expect(await copied()).to.deep.equal(own);
    const rows = await store.query`select * from saga_entries`;
    expect(rows).to.have.length(events.length);
    expect(JSON.stringify(rows)).not.to.match(/7A|days|input|result/);
  });
});
