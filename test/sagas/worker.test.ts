import { expect } from 'chai';
import { hasCode, type EventEnvelope } from 'flotilla';
import { createEvent, originContext } from '../../src/events/create.js';
import { advance } from '../../src/sagas/advance.js';
import { sagaMigrations } from '../../src/sagas/saga-table.js';
import type { SagaInput } from '../../src/sagas/decision/trigger.js';
import type { Store } from '../../src/store/store.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { journeys, tripSaga } from './support/trip.js';
import { sagaDefinitionOf } from '../../src/sagas/definition/define-saga.js';

const definition = sagaDefinitionOf(tripSaga);
const START = Date.parse('2026-01-01T00:00:00Z');
const minutes = 60_000;

describe('the transaction of a saga', () => {
  let temp: TempStore;
  let store: Store;
  let now = START;

  beforeEach(async () => {
    now = START;
    temp = await createTempStore();
    store = await temp.open();
    await store.migrate('sagas', sagaMigrations);
  });

  afterEach(() => temp.dispose());

  const take = (input: SagaInput) =>
    store.transaction((tx) =>
      advance(tx, definition, input, (subject) => originContext({ source: 'core', subject, now })),
    );
  const receive = (type: string, data: object) => {
    const context = originContext({ source: 'test', subject: 'trip/t1', now });
    const event = createEvent(journeys.definitions, type, { tripId: 't1', ...data }, context);
    return take({ kind: 'message', sagaId: 't1', now, event });
  };
  const stream = async (name: string) => (await store.read(name)).map(({ event }) => event);
  const types = async (name: string) => (await stream(name)).map(({ type }) => type);
  const row = async () => (await store.query`select * from sagas`)[0];

  it('stores its events, its commands with the recorded ids, and a row', async () => {
    await receive('trip.asked', { days: 3 });
    await receive('flight.booked', { seat: '7A' });
    expect(await types('travel/t1')).to.deep.equal([
      'saga.started',
      'saga.step_started',
      'saga.step_completed',
      'saga.step_started',
    ]);
    expect(await types('trip/t1')).to.deep.equal(['flight.book', 'hotel.book']);
    const [, first, , second] = await stream('travel/t1');
    const [flight, hotel] = await stream('trip/t1');
    expect(flight?.data).to.deep.equal({ tripId: 't1', days: 3 });
    expect(hotel?.data).to.deep.equal({ tripId: 't1', seat: '7A' });
    const idIn = (event: EventEnvelope | undefined) => (event?.data as { command: { id: string } }).command.id;
    expect([flight?.id, hotel?.id]).to.deep.equal([idIn(first), idIn(second)]);
    expect(await row()).to.include({
      saga: 'travel',
      saga_id: 't1',
      status: 'started',
      step: 'hotel',
      direction: 'forward',
      attempt: 1,
      timer: 'timeout',
      due_at: new Date(now + 2 * minutes).toISOString(),
    });
  });

  it('keeps at most one timer, for what the saga waits for', async () => {
    const timers = () => store.query<{ due: number }>`select due from flotilla_timers`;
    await receive('trip.asked', { days: 3 });
    expect(await timers()).to.deep.equal([{ due: START + minutes }]);
    now += 1000;
    await receive('flight.booked', { seat: '7A' });
    expect(await timers()).to.deep.equal([{ due: now + 2 * minutes }]);
    await receive('hotel.booked', {});
    await receive('mail.sent', {});
    expect(await timers()).to.deep.equal([]);
  });

  it('moves the timer when a refusal arrives before the next attempt', async () => {
    await receive('trip.asked', { days: 3 });
    const timeout = {
      saga: 'travel',
      sagaId: 't1',
      step: 'flight',
      direction: 'forward',
      attempt: 1,
      timer: 'timeout',
    };
    now = START + minutes;
    const context = originContext({ source: 'core', subject: 'travel/t1', now });
    const due = createEvent(journeys.definitions, 'saga.timer_due', timeout, context);
    await take({ kind: 'message', sagaId: 't1', now, event: due });
    expect(await store.nextTimer()).to.equal(now + 10_000);
    now += 9000;
    await receive('flight.refused', { reason: 'busy' });
    expect((await row())?.['due_at']).to.equal(new Date(now + 10_000).toISOString());
    expect(await store.nextTimer()).to.equal(now + 10_000);
  });

  it('handles the event of a due timer', async () => {
    await receive('trip.asked', { days: 3 });
    now = START + minutes;
    expect(await store.fireTimers(now - 1)).to.equal(0);
    expect(await store.fireTimers(now)).to.equal(1);
    const due = (await stream('travel/t1')).at(-1);
    expect(due).to.include({ type: 'saga.timer_due', subject: 'travel/t1' });
    if (due === undefined) return;
    await take({ kind: 'message', sagaId: 't1', now, event: due });
    expect(await types('travel/t1')).to.include.members(['saga.step_failed']);
    expect(await store.nextTimer()).to.equal(now + 10_000);
  });

  it('stores nothing when a command does not match its schema', async () => {
    await receive('trip.asked', { days: 3 });
    const before = await store.head();
    const { state: initial } = { state: await row() };
    const broken = {
      ...definition,
      steps: definition.steps.map((step) =>
        step.name === 'hotel'
          ? { ...step, execute: { ...step.execute, command: { type: 'hotel.book', data: () => ({}) } } }
          : step,
      ),
    };
    const context = originContext({ source: 'test', subject: 'trip/t1', now });
    const event = createEvent(journeys.definitions, 'flight.booked', { tripId: 't1', seat: '1' }, context);
    const refused: unknown = await store
      .transaction((tx) =>
        advance(tx, broken, { kind: 'message', sagaId: 't1', now, event }, (subject) =>
          originContext({ source: 'core', subject, now }),
        ),
      )
      .catch((error: unknown) => error);
    expect(hasCode(refused, 'contract.invalid_data')).to.equal(true);
    expect(await store.head()).to.equal(before);
    expect(await row()).to.deep.equal(initial);
  });

  it('stores nothing for answers before the start', async () => {
    await receive('flight.booked', { seat: '1' });
    await receive('flight.cancelled', {});
    expect(await store.head()).to.equal(0);
    expect(await row()).to.equal(undefined);
  });
});
