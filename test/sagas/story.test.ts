import { expect } from 'chai';
import fc from 'fast-check';
import { sagaEntryMigrations, saveSagaEntry, loadSagaStory } from 'flotilla';
import { createEvent, originContext } from '../../src/events/create.js';
import { readSagaStory } from '../../src/sagas/read.js';
import { sagaStory, type SagaEntry, type SagaStory } from '../../src/sagas/story.js';
import { createTempStore, type TempStore } from '../store/temp-store.js';
import { begun, journeys, tripSaga, type TripStory } from './trip.js';
import { sagaDefinitionOf } from '../../src/sagas/define.js';

const steps = ['flight', 'hotel', 'mail'];

/** The entries of its stream, a second apart. */
function entriesOf({ told }: TripStory): SagaEntry[] {
  return told.map(({ type, data }, index) => ({ sequence: index + 1, time: timeOf(index + 1), type, data }));
}

const timeOf = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

function tell(trip: TripStory, now = trip.now): SagaStory {
  return sagaStory(entriesOf(trip), { saga: 'travel', sagaId: 't1', steps, now });
}

const states = (story: SagaStory) => story.steps.map(({ name, state }) => `${name} ${state}`);
const texts = (story: SagaStory) => story.entries.map(({ text }) => text);

describe('the story of a saga', () => {
  it('says what was done and when it ended, without what the saga keeps of messages', () => {
    const trip = begun('flight.booked', 'hotel.booked', 'mail.sent');
    const story = tell(trip);
    expect(story).to.deep.include({
      status: 'completed',
      reason: null,
      startedAt: timeOf(1),
      endedAt: timeOf(8),
      waiting: null,
      complete: true,
    });
    expect(states(story)).to.deep.equal(['flight done', 'hotel done', 'mail done']);
    expect(story.steps[0]).to.deep.equal({
      name: 'flight',
      state: 'done',
      attempts: 1,
      undoAttempts: 0,
      doneAt: timeOf(3),
      undoneAt: null,
      failure: null,
    });
    expect(story.entries.map(({ kind }) => kind)).to.deep.equal([
      'started',
      ...steps.flatMap(() => ['step_started', 'step_completed']),
      'completed',
    ]);
    expect(JSON.stringify(story)).not.to.match(/7A|days|input|result/);
  });

  it('says what is waited for, until when, and that its time is over', () => {
    const trip = begun('flight.booked');
    const until = '2026-01-01T00:02:00.000Z';
    const waiting = { step: 'hotel', direction: 'forward', attempt: 1, for: 'answer', until, deadLettered: null };
    expect(tell(trip).waiting).to.deep.equal({ ...waiting, overdue: false });
    expect(tell(trip, Date.parse(until) + 1).waiting).to.deep.equal({ ...waiting, overdue: true });
    expect(states(tell(trip))).to.deep.equal(['flight done', 'hotel asked', 'mail not_begun']);
    expect(texts(tell(trip)).at(-1)).to.equal(`hotel: asked for by hotel.book; an answer is awaited until ${until}`);
  });

  it('says what timed out, and when it is tried again', () => {
    const trip = begun();
    trip.wait();
    const story = tell(trip);
    expect(states(story)[0]).to.equal('flight timed_out');
    expect(story.steps[0]?.failure).to.equal('no answer within 1m');
    expect(story.waiting).to.include({ step: 'flight', for: 'retry', until: '2026-01-01T00:01:10.000Z' });
    expect(texts(story).at(-1)).to.equal(
      'flight: timed out: no answer within 1m; tried again at 2026-01-01T00:01:10.000Z',
    );
    trip.wait();
    expect(tell(trip).steps[0]).to.include({ state: 'asked', attempts: 2, failure: 'no answer within 1m' });
    trip.hear('flight.booked', { seat: '1' });
    expect(tell(trip).steps[0]).to.include({ state: 'done', attempts: 2, failure: null });
  });

  it('says why it is undone, and what of it is', () => {
    const trip = begun('flight.booked');
    trip.hear('hotel.refused', { reason: 'no bed' });
    const story = tell(trip);
    expect(story).to.include({ status: 'compensating', reason: 'no bed', endedAt: null });
    expect(states(story)).to.deep.equal(['flight being_undone', 'hotel refused', 'mail not_begun']);
    expect(texts(story)).to.include.members([
      'hotel: refused (hotel.refused): no bed; not tried again',
      'what was done is undone, because hotel could not be done: no bed',
    ]);
    trip.hear('flight.cancelled');
    expect(tell(trip)).to.include({ status: 'compensated', reason: 'no bed', endedAt: timeOf(9) });
    expect(tell(trip).steps[0]).to.include({ state: 'undone', undoneAt: timeOf(8), undoAttempts: 1 });
  });

  it('says what cannot be undone, and who has told it to go on', () => {
    const trip = begun('flight.booked');
    trip.compensate();
    trip.hear('hotel.cancelled');
    trip.hear('flight.kept', { reason: 'too late' });
    trip.wait();
    trip.hear('flight.kept', { reason: 'too late' });
    const story = tell(trip);
    expect(story).to.include({ status: 'failed', reason: 'too late', endedAt: null, waiting: null });
    expect(states(story)[0]).to.equal('flight cannot_be_undone');
    expect(texts(story).at(-1)).to.equal('failed: flight cannot be undone (too late); a person is needed');
    trip.retry();
    expect(states(tell(trip))[0]).to.equal('flight being_undone');
    expect(texts(tell(trip))).to.include.members([
      'what was done is undone, because ann has said so: a test',
      'told to try again by ann',
    ]);
  });

  it('says that the command it waits for lies in the dead letters, until it is sent again', () => {
    const trip = begun();
    const letter = { eventId: trip.command('flight', 'forward'), type: 'flight.book', code: 'contract.invalid_data' };
    trip.hear('message.dead_lettered', letter, letter.eventId);
    expect(tell(trip).waiting?.deadLettered).to.equal('flight.book: contract.invalid_data');
    trip.hear('message.replayed', letter, letter.eventId);
    expect(tell(trip).waiting?.deadLettered).to.equal(null);
    trip.hear('message.dead_lettered', letter, letter.eventId);
    trip.retry();
    expect(tell(trip).waiting).to.include({ attempt: 2, deadLettered: null });
  });

  it('says that it was called off before it began', () => {
    const trip = begun();
    trip.told.length = 0;
    expect(tell(trip)).to.include({ status: 'not_begun', startedAt: null, complete: false });
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
    const story = sagaStory([early], { saga: 'travel', sagaId: 't1', steps, now: 0 });
    expect(story).to.include({ status: 'not_begun', reason: 'rain', complete: true });
  });

  it('is told as far as it is known: in any order, and it says when something is missing', () => {
    const trip = begun('flight.booked');
    trip.wait();
    trip.hear('flight.cancelled');
    trip.hear('hotel.booked');
    const all = entriesOf(trip);
    const whole = tell(trip);
    const options = { saga: 'travel', sagaId: 't1', steps, now: trip.now };
    fc.assert(
      fc.property(fc.shuffledSubarray(all), (some) => {
        const story = sagaStory(some, options);
        const known = some.map(({ sequence }) => sequence).sort((a, b) => a - b);
        expect(story.complete).to.equal(known.length > 0 && known.at(-1) === known.length);
        expect(story.entries).to.deep.equal(known.map((sequence) => whole.entries[sequence - 1]));
        if (some.length === all.length) expect(story).to.deep.equal(whole);
      }),
    );
    expect(sagaStory(all.slice(4), options).status).to.equal('compensating');
    expect(sagaStory(all.slice(1, 3), options).status).to.equal('started');
  });
});

describe('entries of a saga in another store', () => {
  let temp: TempStore;
  beforeEach(async () => (temp = await createTempStore()));
  afterEach(() => temp.dispose());

  it('tell the same story as where it runs, in whatever order and however often they come', async () => {
    const store = await temp.open();
    await store.migrate('keeper', sagaEntryMigrations);
    const trip = begun('flight.booked');
    trip.hear('hotel.refused', { reason: 'no bed' });
    for (const { type, data } of trip.told) {
      const context = originContext({ source: 'core', subject: 'travel/t1', now: trip.now });
      await store.append('travel/t1', 'any', [createEvent(journeys.definitions, type, data, context)]);
    }
    const own = await readSagaStory(store, sagaDefinitionOf(tripSaga), 't1', trip.now);
    expect(own).to.include({ status: 'compensating', complete: true });
    const kept = () => loadSagaStory(store.query, tripSaga, 't1', trip.now);
    expect(await kept()).to.include({ status: 'not_begun', complete: false });

    const events = (await store.read('travel/t1')).map(({ event }) => event);
    const order = fc.sample(fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 }), 1)[0] ?? [];
    for (const event of order) {
      await store.transaction(({ sql }) => saveSagaEntry(sql, event));
      expect((await kept()).entries.length).to.be.greaterThan(0);
    }
    expect(await kept()).to.deep.equal(own);
    const rows = await store.query`select * from saga_entries`;
    expect(rows).to.have.length(events.length);
    expect(JSON.stringify(rows)).not.to.match(/7A|days|input|result/);
  });
});
