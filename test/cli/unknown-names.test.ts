import { expect } from 'chai';
import * as dead from '../../src/cli/commands/dead/index.js';
import * as events from '../../src/cli/commands/events/index.js';
import * as newWorker from '../../src/cli/commands/new/index.js';
import * as projections from '../../src/cli/commands/projections/index.js';
import * as replay from '../../src/cli/commands/replay/index.js';
import * as retrying from '../../src/cli/commands/retrying.js';
import * as sagas from '../../src/cli/commands/sagas/index.js';
import * as streams from '../../src/cli/commands/streams/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import * as up from '../../src/cli/commands/up.js';
import * as worker from '../../src/cli/commands/worker.js';
import type { DeadLetter } from '../../src/dead-letters/dead-letter.js';
import { storeDeadLetter } from '../../src/dead-letters/storage/store-dead-letter.js';
import { migrateDeadLetters } from '../../src/dead-letters/storage/migrations.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { describeUnknown } from '../../src/text/known-names.js';
import { journeys, tripSaga } from '../sagas/support/trip.js';
import { runCommand } from '../support/command.js';
import { openFleetPlace, type FleetPlace } from '../support/fleet-place.js';

const nothing = () => undefined;
const seats = journeys.defineProjection({
  name: 'seats',
  version: 1,
  tables: { seats: 'create table seats (seat text not null primary key)' },
  on: { 'flight.booked': nothing },
});
const fleet = defineFleet({
  catalogue: journeys,
  workers: [
    journeys.defineWorker({
      name: 'trips',
      store: 'core',
      emits: ['flight.booked'],
      sagas: [tripSaga],
      projections: [seats],
    }),
    journeys.defineWorker({ name: 'flights', on: { 'flight.book': nothing, 'flight.cancel': nothing } }),
    journeys.defineWorker({ name: 'hotels', on: { 'hotel.book': nothing, 'hotel.cancel': nothing } }),
    journeys.defineWorker({ name: 'mails', on: { 'mail.send': nothing } }),
  ],
});
const modules = [up, worker, topology, dead, retrying, events, streams, projections, sagas, replay, newWorker];

const letter: DeadLetter = {
  id: '00000000-0000-7000-8000-000000000001',
  worker: 'removed',
  eventId: 'e1',
  source: 'core',
  type: 'Foreign.Thing.v2.happened',
  kind: null,
  subject: null,
  correlationId: null,
  code: 'app.refused',
  message: 'no',
  body: Buffer.from('{}'),
  properties: {},
  attempts: [],
  replays: 0,
  deadAt: '2026-01-01T00:00:00.000Z',
};

describe('names and patterns in the arguments of commands', function () {
  this.timeout(90_000);
  let place: FleetPlace;
  let folder: string;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    place = await openFleetPlace();
    ({ folder, env } = place);
    for (const service of ['core', 'flights', 'hotels', 'mails', 'ops']) {
      const store = await place.openStore(service);
      if (service === 'ops') {
        await migrateDeadLetters(store);
        await storeDeadLetter(store, letter, 0);
      }
      await store.close();
    }
    await run('topology', 'apply');
  });
  after(async () => {
    await place.remove();
  });

  const run = (...args: string[]) => runCommand({ modules, fleet, env, cwd: folder }, args);

  const workers = ['trips', 'flights', 'hotels', 'mails'];
  const rows: [args: string[], kind: string, name: string, known: string[]][] = [
    [['worker', 'flight'], 'worker', 'flight', workers],
    [['up', '--scale', 'flight=2'], 'worker', 'flight', workers],
    [['dead', 'list', 'flight'], 'worker', 'flight', [...workers, 'removed']],
    [['dead', 'list', '--worker', 'flight', '--group'], 'worker', 'flight', [...workers, 'removed']],
    [['dead', 'list', '--type', 'flight.boked'], 'type', 'flight.boked', ['flight.booked']],
    [['dead', 'list', '--type', 'mail.sent', '--type', 'train.*'], 'type', 'train.*', []],
    [['dead', 'list', '--code', 'contract.not_jsn'], 'code', 'contract.not_jsn', ['contract.not_json']],
    [['dead', 'replay', '--worker', 'flight'], 'worker', 'flight', [...workers, 'removed']],
    [['dead', 'replay', '--type', 'train.*', '--dry-run'], 'type', 'train.*', []],
    [['dead', 'discard', '--code', 'app.refusd', '--reason', 'x'], 'code', 'app.refusd', ['app.refused']],
    [['retrying', 'list', 'flight'], 'worker', 'flight', workers],
    [['retrying', 'now', 'flight'], 'worker', 'flight', workers],
    [['events', 'list', '--type', 'flight.boked'], 'type', 'flight.boked', ['flight.booked']],
    [['events', 'list', '--source', 'flight'], 'service', 'flight', ['core', 'flights', 'hotels', 'mails', 'ops']],
    [['streams', 'show', 'trip/1', '--store', 'flight'], 'service', 'flight', ['core', 'flights', 'ops']],
    [['streams', 'show', 'trip/1', '--store', 'core'], 'stream', 'trip/1', []],
    [['streams', 'retain', 'trip/1', '--store', 'core', '--keep', '3'], 'stream', 'trip/1', []],
    [['projections', 'show', 'seat'], 'projection', 'seat', ['seats']],
    [['projections', 'rebuild', 'seat'], 'projection', 'seat', ['seats']],
    [['projections', 'skip', 'seat', '--reason', 'x'], 'projection', 'seat', ['seats']],
    [['sagas', 'list', '--saga', 'travl'], 'saga', 'travl', ['travel']],
    [['sagas', 'list', '--step', 'hotl'], 'step', 'hotl', ['flight', 'hotel', 'mail']],
    [['replay', '--to', 'flight'], 'worker', 'flight', workers],
    [['replay', '--to', 'flights', '--type', 'flight.boked'], 'type', 'flight.boked', ['flight.booked']],
    [['new', 'worker', 'rail', '--on', 'flight.boked'], 'type', 'flight.boked', ['flight.booked']],
    [['new', 'worker', 'rail', '--on', 'train.*'], 'type', 'train.*', []],
  ];
  for (const [args, kind, name, known] of rows) {
    it(`an unknown ${kind} is an error that lists the known ones: ${args.join(' ')}`, async () => {
      const { code, said, out } = await run(...args);
      expect(said).to.contain(`name.unknown: Unknown name: there is no ${kind} "${name}"`);
      for (const each of known) expect(said).to.contain(each);
      expect([code, out]).to.deep.equal([1, '']);
    });
  }

  it('an unknown worker in WORKERS is a configuration error', async () => {
    env['WORKERS'] = 'trips,flight';
    const { code, said } = await run('retrying', 'list');
    delete env['WORKERS'];
    expect(code).to.equal(2);
    expect(said).to.match(/^config\.invalid: .*WORKERS: there is no worker "flight"; did you mean flights\?/);
  });

  for (const args of [
    ['dead', 'list', '--type'],
    ['dead', 'list', '--code'],
    ['dead', 'replay', '--type'],
    ['dead', 'discard', '--reason', 'x', '--type'],
    ['events', 'list', '--type'],
    ['replay', '--to', 'flights', '--type'],
    ['new', 'worker', 'rail', '--on'],
  ]) {
    it(`a wildcard matches whole words: ${args.join(' ')}`, async () => {
      for (const wrong of ['flight*', 'flight.bo*', 'flight..booked', '.', '##']) {
        const { code, said } = await run(...args, wrong);
        expect(code, wrong).to.equal(2);
        expect(said, wrong).to.contain('* stands for one whole word');
      }
    });
  }

  for (const [args, choice] of [
    [['sagas', 'list', '--status', 'odd'], 'compensated'],
    [['dead', 'list', '--state', 'odd'], 'discarded'],
    [['replay', '--to', 'flights', '--from', 'memory'], 'journal'],
  ] as const) {
    it(`an invalid option value is wrong usage: ${args.join(' ')}`, async () => {
      const { code, said } = await run(...args);
      expect(code).to.equal(2);
      expect(said).to.contain(choice);
    });
  }

  it('an unknown id exits with 1', async () => {
    for (const args of [
      ['dead', 'show', 'abc'],
      ['dead', 'replay', 'abc'],
      ['dead', 'edit', 'abc', '--set', 'data.n=1'],
      ['dead', 'discard', 'abc', '--reason', 'x'],
      ['events', 'show', 'abc'],
      ['sagas', 'show', 'abc'],
      ['sagas', 'retry', 'abc'],
      ['sagas', 'compensate', 'abc', '--reason', 'x', '--yes'],
      ['replay', '--resume', 'abc'],
    ]) {
      const { code, said } = await run(...args);
      expect(code, args.join(' ')).to.equal(1);
      expect(said, args.join(' ')).to.contain('No such').and.contain('abc');
    }
  });

  it('a known name without matches gives an empty result', async () => {
    for (const args of [
      ['dead', 'list', 'flights', '--type', 'hotel.*', '--code', 'contract.#'],
      ['events', 'list', '--type', 'flight.*', '--source', 'core'],
      ['sagas', 'list', '--saga', 'travel', '--step', 'hotel'],
    ]) {
      expect(await run(...args, '--json'), args.join(' ')).to.include({ code: 0 });
    }
  });

  it('selects dead letters by workers, types and codes that occur only in dead letters', async () => {
    for (const args of [
      ['removed'],
      ['--type', 'Foreign.#'],
      ['--type', '*.Thing.*.happened'],
      ['--code', 'app.*'],
      ['--code', 'worker.*', '--code', 'app.refused'],
    ]) {
      const { out } = await run('dead', 'list', ...args, '--json');
      expect((JSON.parse(out) as { total: number }).total, args.join(' ')).to.equal(1);
    }
  });
});

describe('the error for an unknown name', () => {
  it('suggests a name only if it is similar', () => {
    expect(describeUnknown('worker', 'Paymnt', ['orders', 'payment'])).to.equal(
      'there is no worker "Paymnt"; did you mean payment? Known workers: orders, payment',
    );
    expect(describeUnknown('worker', 'x', ['orders', 'payment'])).to.equal(
      'there is no worker "x". Known workers: orders, payment',
    );
    expect(describeUnknown('saga', 'x', [])).to.equal('there is no saga "x"; there are no sagas here');
  });

  it('lists the most similar of many names, and is fast for a long one', () => {
    const many = Array.from({ length: 5000 }, (_, n) => `order.number_${n}`);
    expect(describeUnknown('type', 'order.numbr_17', many)).to.match(
      /^there is no type "order\.numbr_17"; the most similar of 5000 types: order\.number_17, (order\.number_\d+(, )?){4}$/,
    );
    expect(describeUnknown('type', 'x'.repeat(1_000_000), many).length).to.be.below(500);
  });
});
