import { expect } from 'chai';
import { defineFleet, FlotillaError } from 'flotilla';
import { queuesOfAll, withOverrides } from '../../../src/worker/definition/queues.js';
import { journeys, tripSaga } from '../support/trip.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

const { defineSaga, defineWorker } = journeys;

const hotel = {
  name: 'hotel',
  command: { type: 'hotel.book', data: () => ({ tripId: 't', seat: '1' }) },
  done: 'hotel.booked',
  timeout: '1m',
} as const;
const good = {
  name: 'stay',
  startedBy: 'trip.asked',
  input: () => null,
  subject: (id: string) => `trip/${id}`,
  steps: [hotel],
} as const;

function refused(change: object): string {
  try {
    defineSaga({ ...good, ...change });
  } catch (error) {
    if (error instanceof FlotillaError && error.code === 'saga.bad_definition') return error.message;
    throw error;
  }
  return 'taken';
}

describe('defineSaga', () => {
  it('rejects what the compiler cannot check and reports why', () => {
    expect(refused({})).to.equal('taken');
    expect(refused({ name: 'Stay' })).to.contain('its name must consist of lower-case');
    expect(refused({ subject: (id: string) => `stay/${id}` })).to.contain('its own stream as their subject');
    expect(refused({ steps: [] })).to.contain('it has no steps');
    expect(refused({ steps: [hotel, { ...hotel, done: 'flight.booked' }] })).to.contain('two steps are named hotel');
    expect(refused({ steps: [hotel, { ...hotel, name: 'again' }] })).to.contain('hotel.booked has two meanings');
    expect(refused({ steps: [{ ...hotel, done: 'trip.asked' }] })).to.contain('trip.asked has two meanings');
    expect(refused({ steps: [{ ...hotel, timeout: 0 }] })).to.contain('the timeout of hotel.book must be positive');
    expect(refused({ steps: [{ ...hotel, timeout: '9999999d' }] })).to.contain(
      'a duration of hotel.book exceeds 10 years',
    );
    expect(refused({ steps: [{ ...hotel, retryDelays: ['1s', '4000d'] }] })).to.contain('exceeds 10 years');
    expect(refused({ steps: [{ ...hotel, failed: ['message.discarded'] }] })).to.contain('has two meanings');
    expect(refused({ startedBy: 'hotel.book' })).to.contain('hotel.book is not an event');
    expect(refused({ steps: [{ ...hotel, command: { ...hotel.command, type: 'hotel.booked' } }] })).to.contain(
      'hotel.booked is not a command',
    );
  });

  it('is typed by the catalogue: messages, the data of commands, the answers', () => {
    // @ts-expect-error a command begins nothing
    expect(() => defineSaga({ ...good, startedBy: 'hotel.book' })).to.throw();
    defineSaga({
      ...good,
      // @ts-expect-error the seat is missing
      steps: [{ ...hotel, command: { type: 'hotel.book', data: ({ sagaId: tripId }) => ({ tripId }) } }],
    });
    defineSaga({
      ...good,
      input: ({ days }) => ({ days }),
      // @ts-expect-error nothing is kept under that name
      steps: [{ ...hotel, command: { type: 'mail.send', data: ({ input }) => ({ tripId: input.nights }) } }],
    });
  });
});

describe('a worker with sagas', () => {
  const worker = defineWorker({ name: 'trips', sagas: [tripSaga] });

  it('binds its queue to the messages of its sagas and declares their events and commands', () => {
    expect(queuesOfAll([workerDefinitionOf(worker)])[0]?.patterns).to.have.members([
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
      'saga.timer_due',
      'saga.failed',
      'message.dead_lettered',
      'message.replayed',
      'message.discarded',
    ]);
    expect([...workerDefinitionOf(worker).emits]).to.include.members(['flight.book', 'hotel.cancel', 'saga.failed']);
  });

  it('may handle the same messages itself', () => {
    const both = defineWorker({ name: 'trips', sagas: [tripSaga], on: { 'trip.*': () => undefined } });
    expect(queuesOfAll([workerDefinitionOf(both)])[0]?.patterns).to.include.members(['trip.*', 'flight.booked']);
    expect(queuesOfAll([workerDefinitionOf(both)])[0]?.patterns).not.to.include('trip.asked');
  });

  it('applies the configured retry policy to its sagas', () => {
    const { sagas, sagasOf } = withOverrides(workerDefinitionOf(worker), {
      sagas: { timeout: 5, retryDelays: [1, 2] },
    });
    expect(sagasOf.get('flight.booked')).to.deep.equal(sagas);
    const actions = sagas.flatMap(({ steps }) =>
      steps.flatMap(({ execute, compensate }) => (compensate ? [execute, compensate] : [execute])),
    );
    expect(actions).to.have.length(5);
    for (const action of actions) expect(action).to.deep.include({ timeout: 5, retryDelays: [1, 2] });
    const own = withOverrides(workerDefinitionOf(worker), { sagas: { timeout: 5 } }).sagas[0]?.steps[0]?.execute;
    expect(own).to.deep.include({ timeout: 5, retryDelays: [10_000, 20_000] });
  });

  it('needs a queue: from the log it would process all of history again', () => {
    expect(() => defineWorker({ name: 'trips', sagas: [tripSaga], from: 'log' })).to.throw('sagas need a queue');
  });

  it('runs no two sagas of one name', () => {
    expect(() => defineWorker({ name: 'trips', sagas: [tripSaga, tripSaga] })).to.throw(
      'two of its sagas are called travel',
    );
  });

  it('has sagas that no other worker of the fleet has', () => {
    const twin = defineWorker({ name: 'twins', sagas: [tripSaga] });
    const workers = [worker, twin];
    const types = Object.entries(journeys.definitions);
    const catalogue = { definitions: Object.fromEntries(types.filter(([, { kind }]) => kind === 'event')) };
    expect(() => defineFleet({ catalogue, workers })).to.throw('trips and twins both run the saga travel');
  });
});
