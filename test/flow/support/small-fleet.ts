import { z } from 'zod';
import { baseCatalogue, catalogue, command, defineFleet, event, fromOutside } from 'flotilla';
import { defineRoute, type Route } from 'flotilla/http';

const nothing = z.strictObject({});

export const trips = catalogue(baseCatalogue, {
  'trip.requested': event({ 1: nothing }),
  'trip.closed': event({ 1: nothing }),
  'flight.book': command({ 1: nothing }),
  'flight.booked': event({ 1: nothing }),
  'flight.refused': event({ 1: nothing }),
  'flight.delayed': fromOutside(event({ 1: nothing }), 'https://airport.example'),
  'seat.assigned': event({ 1: nothing }),
});

const bookTrip = trips.defineSaga({
  name: 'book-trip',
  startedBy: 'trip.requested',
  input: () => null,
  subject: (id) => `trip/${id}`,
  steps: [
    {
      name: 'fly',
      command: { type: 'flight.book', data: () => ({}) },
      done: 'flight.booked',
      failed: ['flight.refused'],
      timeout: '1m',
    },
  ],
});

const tripList = trips.defineProjection({
  name: 'trip-list',
  version: 1,
  tables: { trip_list: 'create table trip_list (id text primary key)' },
  on: { 'trip.*': async () => undefined },
});

export const requestTrip = defineRoute({
  method: 'post',
  path: '/trips',
  emits: ['trip.requested'],
  handler: async () => ({ status: 201 }),
});

/** A route, a saga, a projection, two workers of which one emits a type that it reads, an external source. `seats` emits
 *  `trip.closed` in a store of its own. */
export function smallFleet(options: { routes?: Route[]; emits?: string[]; cycles?: boolean } = {}) {
  const { routes = [requestTrip], emits, cycles = true } = options;
  return defineFleet({
    catalogue: trips,
    workers: [
      trips.defineWorker({ name: 'planner', store: 'core', sagas: [bookTrip], projections: [tripList] }),
      trips.defineWorker({
        name: 'flights',
        emits: ['flight.booked', 'flight.refused', 'flight.book'],
        on: { 'flight.book': () => undefined },
        ...(cycles && { cycles: [{ types: ['flight.book'] as const, reason: 'It is repeated once.' }] }),
      }),
      trips.defineWorker({ name: 'seats', emits: ['trip.closed'], on: { 'flight.*': () => undefined } }),
    ],
    api: { store: 'core', routes, ...(emits !== undefined && { emits }) },
  });
}
