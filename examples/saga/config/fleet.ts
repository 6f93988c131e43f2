import { baseCatalogue, catalogue, command, defineFleet, event } from 'flotilla';
import { z } from 'zod';

const trip = z.strictObject({ tripId: z.string() });
const refused = z.strictObject({ tripId: z.string(), reason: z.string() });

const travel = catalogue(baseCatalogue, {
  'trip.requested': event({ 1: z.strictObject({ hotel: z.string() }) }),
  'flight.book': command({ 1: trip }),
  'flight.booked': event({ 1: trip }),
  'flight.refused': event({ 1: refused }),
  'flight.cancel': command({ 1: trip }),
  'flight.cancelled': event({ 1: trip }),
  'hotel.book': command({ 1: z.strictObject({ tripId: z.string(), hotel: z.string() }) }),
  'hotel.booked': event({ 1: trip }),
  'hotel.refused': event({ 1: refused }),
});

/** Books a flight, then a hotel. Without a hotel it cancels the flight. */
const bookTrip = travel.defineSaga({
  name: 'book-trip',
  startedBy: 'trip.requested',
  input: ({ hotel }) => ({ hotel }),
  subject: (tripId) => `trip/${tripId}`,
  steps: [
    {
      name: 'flight',
      command: { type: 'flight.book', data: ({ sagaId }) => ({ tripId: sagaId }) },
      done: 'flight.booked',
      failed: ['flight.refused'],
      timeout: '1m',
      retryDelays: ['1m'],
      compensate: {
        command: { type: 'flight.cancel', data: ({ sagaId }) => ({ tripId: sagaId }) },
        done: 'flight.cancelled',
        timeout: '1m',
        retryDelays: ['1m', '10m'],
      },
    },
    {
      name: 'hotel',
      command: { type: 'hotel.book', data: ({ sagaId, input }) => ({ tripId: sagaId, hotel: input.hotel }) },
      done: 'hotel.booked',
      failed: ['hotel.refused'],
      timeout: '1m',
    },
  ],
});

const trips = travel.defineWorker({ name: 'trips', emits: ['trip.requested'], sagas: [bookTrip] });

/** One row per trip: a repeated command gets the same reply, and a cancelled flight is never booked. */
const flights = travel.defineWorker({
  name: 'flights',
  emits: ['flight.booked', 'flight.refused', 'flight.cancelled'],
  migrations: [{ name: 'flights', sql: 'create table flights (trip_id text primary key, status text not null);' }],
  on: {
    'flight.book': ({ data: { tripId } }, ctx) => {
      ctx.write(async ({ sql, emit }) => {
        await sql`insert into flights (trip_id, status) values (${tripId}, 'booked') on conflict (trip_id) do nothing`;
        const [flight] = await sql<{ status: string }>`select status from flights where trip_id = ${tripId}`;
        if (flight?.status === 'booked') await emit('flight.booked', { tripId });
        else await emit('flight.refused', { tripId, reason: 'cancelled' });
      });
    },
    'flight.cancel': ({ data: { tripId } }, ctx) => {
      ctx.write(async ({ sql, emit }) => {
        await sql`
          insert into flights (trip_id, status) values (${tripId}, 'cancelled')
          on conflict (trip_id) do update set status = 'cancelled'`;
        await emit('flight.cancelled', { tripId });
      });
    },
  },
});

const hotels = travel.defineWorker({
  name: 'hotels',
  emits: ['hotel.booked', 'hotel.refused'],
  on: {
    'hotel.book': ({ data: { tripId, hotel } }, ctx) => {
      if (hotel === 'Grand') ctx.emit('hotel.refused', { tripId, reason: 'full' });
      else ctx.emit('hotel.booked', { tripId });
    },
  },
});

export default defineFleet({
  catalogue: travel,
  workers: [trips, flights, hotels],
  banner: () => ({
    Try: `flotilla events publish trip.requested '{"hotel": "Grand"}' --subject trip/t1 --source trips`,
  }),
});
