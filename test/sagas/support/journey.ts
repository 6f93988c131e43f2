import { expect } from 'chai';
import { type Sql } from 'flotilla';
import { simulation, type Run } from 'flotilla/simulation';
import { withRetryPolicy } from '../../../src/sagas/definition/definition.js';
import { sagaDecider } from '../../../src/sagas/decision/decide.js';
import { journeys, tripSaga } from './trip.js';
import { wrapDefinition } from '../../../src/opaque.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

const definition = withRetryPolicy(sagaDefinitionOf(tripSaga), { timeout: 20_000, retryDelays: [5_000, 5_000] });
const trips = journeys.defineWorker({ name: 'trips', sagas: [wrapDefinition(definition)] });

const bookings = 'create table bookings (trip_id text primary key);';
const book = (sql: Sql, tripId: string) =>
  sql`insert into bookings (trip_id) values (${tripId}) on conflict do nothing`;
const forget = (sql: Sql, tripId: string) => sql`delete from bookings where trip_id = ${tripId}`;

/** Services that do not remember compensated bookings: a late command books again. */
const flights = journeys.defineWorker({
  name: 'flights',
  migrations: [{ name: '1', sql: bookings }],
  emits: ['flight.booked', 'flight.cancelled'],
  on: {
    'flight.book': ({ data: { tripId } }, ctx) => {
      ctx.write(({ sql }) => book(sql, tripId).then(() => undefined));
      ctx.emit('flight.booked', { tripId, seat: '7A' });
    },
    'flight.cancel': ({ data: { tripId } }, ctx) => {
      ctx.write(({ sql }) => forget(sql, tripId).then(() => undefined));
      ctx.emit('flight.cancelled', { tripId });
    },
  },
});

const hotels = journeys.defineWorker({
  name: 'hotels',
  migrations: [{ name: '1', sql: bookings }],
  emits: ['hotel.booked', 'hotel.refused', 'hotel.cancelled'],
  on: {
    'hotel.book': ({ data: { tripId } }, ctx) => {
      if (tripId.startsWith('full')) return ctx.emit('hotel.refused', { tripId, reason: 'full' });
      ctx.write(({ sql }) => book(sql, tripId).then(() => undefined));
      ctx.emit('hotel.booked', { tripId });
    },
    'hotel.cancel': ({ data: { tripId } }, ctx) => {
      ctx.write(({ sql }) => forget(sql, tripId).then(() => undefined));
      ctx.emit('hotel.cancelled', { tripId });
    },
  },
});

const mails = journeys.defineWorker({
  name: 'mails',
  emits: ['mail.sent'],
  on: { 'mail.send': ({ data: { tripId } }, ctx) => ctx.emit('mail.sent', { tripId }) },
});

async function say(run: Run, type: 'trip.asked' | 'trip.dropped', tripId: string): Promise<void> {
  const subject = `trip/${tripId}`;
  const context = run.context({ source: 'desk', subject });
  const event =
    type === 'trip.asked'
      ? journeys.create(type, { tripId, days: 3 }, context)
      : journeys.create(type, { tripId, reason: 'ill' }, context);
  await run.store('desk').append(subject, 'any', [event]);
}

async function check(run: Run, _world: object, requests: readonly { full: boolean; dropped: number | null }[]) {
  for (const [index, { full, dropped }] of requests.entries()) {
    const tripId = `${full ? 'full' : 'trip'}${index}`;
    const stream = await run.store('trips').read(`travel/${tripId}`);
    const { status } = journeys.rehydrate(sagaDecider(definition), stream).state;
    if (status === 'failed') continue; // requires manual intervention
    const booked = async (service: string) =>
      (await run.store(service).query`select trip_id from bookings where trip_id = ${tripId}`).length === 1;
    expect(status, tripId).to.be.oneOf(full || dropped !== null ? ['compensated'] : ['completed', 'compensated']);
    expect([await booked('flights'), await booked('hotels')], `${tripId}, ${status}`).to.deep.equal(
      status === 'completed' ? [true, true] : [false, false],
    );
  }
}

/** The kinds of faults after which a trip leaves nothing behind. */
export const JOURNEY_FAULTS = ['delay', 'duplicate', 'crash'] as const;

/** Books one or two trips, of which some are full and some are dropped. */
export const journey = simulation({
  workers: [trips, flights, hotels, mails],
  replicas: { trips: 2 },
  inputs: (fc) =>
    fc.array(fc.record({ full: fc.boolean(), dropped: fc.option(fc.oneof(fc.nat(500), fc.nat(120_000))) }), {
      minLength: 1,
      maxLength: 2,
    }),
  scenario(run, _world, requests) {
    for (const [index, { full, dropped }] of requests.entries()) {
      const tripId = `${full ? 'full' : 'trip'}${index}`;
      run.at(0, () => say(run, 'trip.asked', tripId));
      if (dropped !== null) run.at(dropped, () => say(run, 'trip.dropped', tripId));
    }
  },
  check,
});
