import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { defineRoute } from 'flotilla/http';
import platformFleet from '../../config/fleet.js';
import { flowFileOf } from '../../src/flow/committed.js';
import { cyclesOf } from '../../src/flow/cycles.js';
import { findingsOf } from '../../src/flow/findings.js';
import { flowOf } from '../../src/flow/flow-of-fleet.js';
import { edgesOf, type Flow } from '../../src/flow/model.js';
import { selectFlow } from '../../src/flow/select.js';
import { FlotillaError } from '../../src/errors.js';
import { smallFleet, requestTrip, trips } from './support/small-fleet.js';

const linesOf = (flow: Flow) => edgesOf(flow).map(({ from, type, to }) => `${from} ${type} ${to}`);
const findings = (fleet = smallFleet()) => findingsOf(flowOf(fleet), fleet.catalogue.definitions);

describe('the flow of a fleet', () => {
  it('has an edge for each type from each part that emits it to each part that reads it', () => {
    const lines = linesOf(flowOf(smallFleet())).filter((line) => !/ (saga|message)\./.test(line));
    expect(lines).to.deep.equal([
      'outside:https://airport.example flight.delayed worker:seats',
      'route:POST /trips trip.requested projection:trip-list',
      'route:POST /trips trip.requested saga:book-trip',
      'saga:book-trip flight.book worker:flights',
      'worker:flights flight.book worker:flights',
      'worker:flights flight.booked saga:book-trip',
      'worker:flights flight.booked worker:seats',
      'worker:flights flight.refused saga:book-trip',
      'worker:flights flight.refused worker:seats',
      // not to the projection: `seats` has another store
    ]);
  });

  it('contains sagas with their own messages, and the notices of the keeper', () => {
    const { parts } = flowOf(smallFleet());
    const saga = parts.find(({ id }) => id === 'saga:book-trip');
    expect(saga).to.include({ worker: 'planner', service: 'core' });
    expect(saga?.emits).to.include.members(['saga.started', 'saga.timer_due', 'flight.book']);
    expect(saga?.reads).to.include.members(['saga.timer_due', 'message.dead_lettered', 'trip.requested']);
    expect(parts.find(({ kind }) => kind === 'keeper')?.emits).to.include('message.dead_lettered');
    // a worker that only runs sagas and projections has no edges of its own
    expect(parts.map(({ id }) => id)).not.to.include('worker:planner');
  });

  it('has a part for what no route of the API declares', () => {
    const partsOf = (routes: (typeof requestTrip)[], emits?: string[]) => {
      const flow = flowOf(smallFleet({ routes, ...(emits && { emits }) }));
      const api = flow.parts.find(({ kind }) => kind === 'api');
      return { api: api?.emits, undeclared: flow.undeclaredApi };
    };
    const silent = defineRoute({ method: 'put', path: '/trips', handler: async () => ({ status: 200 }) });
    const both = ['trip.closed', 'trip.requested'];
    expect(partsOf([requestTrip])).to.deep.equal({ api: undefined, undeclared: undefined });
    expect(partsOf([requestTrip], both)).to.deep.equal({ api: ['trip.closed'], undeclared: undefined });
    expect(partsOf([requestTrip, silent], both)).to.deep.equal({ api: both, undeclared: undefined });
    expect(partsOf([silent])).to.deep.equal({ api: undefined, undeclared: 'core' });
  });

  it('finds types that no part emits or reads, except those of the library', () => {
    const dead = findings();
    expect(dead.neverEmitted).to.deep.equal([]);
    // its reader has another store
    expect(dead.neverRead.map(({ type }) => type)).to.deep.equal(['trip.closed']);
    const declared = findings(smallFleet({ routes: [], emits: ['trip.closed'] }));
    expect(declared.neverEmitted.map(({ type }) => type)).to.deep.equal(['trip.requested']);
    const unknown = findings(smallFleet({ routes: [] }));
    expect(unknown.neverEmitted).to.deep.equal([]);
    const assigned = findings(smallFleet({ emits: ['trip.requested', 'seat.assigned'] }));
    expect(assigned.neverRead.map(({ type }) => type)).to.deep.equal(['seat.assigned', 'trip.closed']);
  });

  it('has a cycle only if a worker does not declare it; the answers to a saga need no declaration', () => {
    expect(findings().cycles).to.deep.equal([]);
    expect(findings(smallFleet({ cycles: false })).cycles).to.deep.equal([
      {
        parts: ['worker:flights'],
        types: ['flight.book'],
        path: [{ from: 'worker:flights', type: 'flight.book', to: 'worker:flights' }],
      },
    ]);
    // the saga and its service are in a cycle all the same
    const all = cyclesOf(edgesOf(flowOf(smallFleet()))).map(({ parts }) => parts);
    expect(all).to.deep.equal([['saga:book-trip', 'worker:flights']]);
  });

  it('names declarations of cycles that do not exist', () => {
    const flow = flowOf(smallFleet());
    const parts = flow.parts.map((part) =>
      part.id === 'worker:flights' ? { ...part, emits: ['flight.booked'] } : part,
    );
    const without = findingsOf({ parts: parts.filter(({ kind }) => kind !== 'saga') }, trips.definitions);
    expect(without.uselessCycles.map(({ part, type }) => `${part.id} ${type}`)).to.deep.equal([
      'worker:flights flight.book',
    ]);
  });

  it('is refused with a declaration of a type that the worker does not handle, or without a reason', () => {
    const define = (types: 'seat.assigned'[] | 'flight.book'[], reason: string) => () =>
      trips.defineWorker({ name: 'w', on: { 'flight.book': () => undefined }, cycles: [{ types, reason }] });
    expect(define(['seat.assigned'], 'x')).to.throw(FlotillaError, 'seat.assigned, which no handler of it handles');
    expect(define(['flight.book'], ' ')).to.throw(FlotillaError, 'needs types and a reason');
    expect(define([], 'x')).to.throw(FlotillaError, 'needs types and a reason');
  });

  it('can be reduced to a worker or to types', () => {
    const flow = flowOf(smallFleet());
    expect(linesOf(selectFlow(flow, { worker: 'seats' }))).to.deep.equal([
      'outside:https://airport.example flight.delayed worker:seats',
      'worker:flights flight.booked worker:seats',
      'worker:flights flight.refused worker:seats',
    ]);
    expect(linesOf(selectFlow(flow, { type: 'trip.*' }))).to.deep.equal([
      'route:POST /trips trip.requested projection:trip-list',
      'route:POST /trips trip.requested saga:book-trip',
    ]);
    expect(linesOf(selectFlow(flow, { worker: 'planner', type: 'flight.book' }))).to.deep.equal([
      'saga:book-trip flight.book worker:flights',
    ]);
  });
});

describe('the flow of the platform', () => {
  const flow = flowOf(platformFleet);

  it('leads from a request through the saga to the read models', () => {
    expect(linesOf(flow)).to.include.members([
      'route:POST /orders order.created saga:order-fulfilment',
      'route:POST /orders order.created worker:order-choreography',
      'saga:order-fulfilment inventory.reserve worker:inventory',
      'worker:inventory inventory.reserved saga:order-fulfilment',
      'worker:shipping shipment.created worker:orders',
      'worker:orders order.status_changed projection:order-summary',
      'keeper:keeper message.dead_lettered worker:orders',
      'route:POST /orders order.created topic:order-events',
    ]);
    expect(linesOf(flow)).not.to.include('worker:orders order.created saga:order-fulfilment');
  });

  it('has no undeclared cycle, and every message is read', () => {
    const { cycles, uselessCycles, neverEmitted, neverRead } = findingsOf(flow, platformFleet.catalogue.definitions);
    expect({ cycles, uselessCycles, neverEmitted }).to.deep.equal({ cycles: [], uselessCycles: [], neverEmitted: [] });
    expect(neverRead.map(({ type }) => type)).to.deep.equal([]);
  });

  it('is committed', async () => {
    expect(await readFile('schemas/flow.json', 'utf8')).to.equal(flowFileOf(flow));
  });
});
