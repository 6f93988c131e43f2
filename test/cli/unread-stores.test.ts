import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import * as dead from '../../src/cli/commands/dead/index.js';
import * as events from '../../src/cli/commands/events/index.js';
import * as projections from '../../src/cli/commands/projections/index.js';
import * as replay from '../../src/cli/commands/replay/index.js';
import * as sagas from '../../src/cli/commands/sagas/index.js';
import * as status from '../../src/cli/commands/status/index.js';
import * as streams from '../../src/cli/commands/streams/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import type { DeadLetter } from '../../src/dead-letters/dead-letter.js';
import { storeDeadLetter } from '../../src/dead-letters/storage/store-dead-letter.js';
import { migrateDeadLetters } from '../../src/dead-letters/storage/migrations.js';
import { createEvent, originContext } from '../../src/events/create.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { journeys, tripCommands, tripSaga } from '../sagas/support/trip.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { runCommand } from '../support/command.js';
import { openFleetPlace, type FleetPlace } from '../support/fleet-place.js';

const nothing = () => undefined;
const model = (name: string) =>
  journeys.defineProjection({
    name,
    version: 1,
    tables: { [name]: `create table ${name} (n integer not null primary key)` },
    on: { 'flight.booked': nothing },
  });
const fleet = defineFleet({
  catalogue: journeys,
  workers: [
    journeys.defineWorker({
      name: 'trips',
      emits: ['flight.booked'],
      sagas: [tripSaga],
      projections: [model('trips')],
    }),
    journeys.defineWorker({
      name: 'services',
      on: tripCommands,
      emits: ['flight.booked'],
      projections: [model('seats')],
    }),
  ],
  api: { store: 'core', routes: [] },
  isClosed: () => false,
});

const command = createEvent(
  journeys.definitions,
  'mail.send',
  { tripId: 't1' },
  originContext({ source: 'core', subject: 'trip/t1' }),
);
const letter: DeadLetter = {
  id: '00000000-0000-7000-8000-000000000001',
  worker: 'services',
  eventId: command.id,
  source: 'core',
  type: 'mail.send',
  kind: 'command',
  subject: 'trip/t1',
  correlationId: null,
  code: 'worker.timeout',
  message: 'late',
  body: Buffer.from(JSON.stringify(command)),
  properties: { contentType: CLOUDEVENTS_JSON, messageId: command.id },
  attempts: [],
  replays: 0,
  deadAt: '2026-01-01T00:00:00.000Z',
};

describe('commands when a store is not on this machine', function () {
  this.timeout(90_000);
  let place: FleetPlace;
  let folder: string;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    place = await openFleetPlace();
    ({ folder, env } = place);
    await run('topology', 'apply');
  });
  after(() => place.remove());
  // each test has stores of its own, beside the queues of all
  beforeEach(async () => {
    folder = await mkdtemp(join(place.folder, 'stores-'));
    env = { ...place.env, DATA_DIR: folder };
  });

  const run = (...args: string[]) =>
    runCommand(
      {
        modules: [status, topology, dead, events, streams, projections, sagas, replay],
        fleet,
        env: { ...env },
        cwd: folder,
      },
      args,
    );
  const make = async (...services: string[]) => {
    for (const service of services) {
      const store = await openSqliteStore({ service, path: join(folder, `${service}.db`) });
      if (service === 'ops') {
        await migrateDeadLetters(store);
        await storeDeadLetter(store, letter, 0);
      }
      await store.close();
    }
  };
  const all = ['core', 'trips', 'services', 'ops'];
  const allBut = (...missing: string[]) => all.filter((service) => !missing.includes(service));

  // The command, the missing stores, and the ones among them that it needs.
  const rows: [args: string[], missing: string[], unread: string[]][] = [
    [['sagas', 'list'], ['trips', 'core'], ['trips']],
    [['projections', 'list'], ['services', 'core'], ['services']],
    [['projections', 'show', 'seats'], ['services', 'trips'], ['services']],
    [
      ['events', 'list'],
      ['services', 'core'],
      ['core', 'services'],
    ],
    [['events', 'list', '--source', 'core'], ['services', 'core'], ['core']],
    [['status'], ['ops'], ['ops']],
    [['status'], ['trips'], ['trips']],
    [['replay', '--to', 'services', '--dry-run'], ['services', 'trips'], ['services']],
    [
      ['dead', 'replay', '--all', '--dry-run'],
      ['core', 'services', 'trips'],
      ['core', 'services'],
    ],
  ];
  for (const [args, missing, unread] of rows) {
    it(`print the available data, name ${unread.join(' and ')}, and exit with 1: ${args.join(' ')}`, async () => {
      await make(...allBut(...missing));
      const shown = await run(...args, '--json');
      expect(shown.code).to.equal(1);
      expect(JSON.parse(shown.out), args.join(' ')).to.deep.include({ unread });
      const { code, said } = await run(...args);
      expect(code).to.equal(1);
      expect(said)
        .to.contain(`Not read: ${unread.join(', ')} (`)
        .and.contain(`${folder}/${unread[0]}.db`);
      expect(said).not.to.match(/No sagas are open|No events match\.$/m);
      await make(...missing);
      const complete = await run(...args, '--json');
      expect(complete.code, complete.said).to.equal(0);
      expect(JSON.parse(complete.out)).to.deep.include({ unread: [] });
    });
  }

  for (const [args, missing] of [
    [['sagas', 'show', 'abc'], 'trips'],
    [['sagas', 'retry', 'abc'], 'trips'],
    [['sagas', 'compensate', 'abc', '--reason', 'x', '--yes'], 'trips'],
    [['events', 'show', 'abc'], 'services'],
    [['streams', 'show', 'trip/1'], 'core'],
    [['streams', 'retain', 'trip/1', '--keep', '1'], 'core'],
    [['streams', 'archive'], 'core'],
    [['projections', 'rebuild', 'seats'], 'services'],
    [['projections', 'skip', 'seats', '--reason', 'x'], 'services'],
    [['dead', 'list'], 'ops'],
    [['replay', '--list'], 'ops'],
  ] as const) {
    it(`name the missing store and create none: ${args.join(' ')}`, async () => {
      await make(...allBut(missing));
      const { code, out, said } = await run(...args);
      expect([code, out]).to.deep.equal([1, '']);
      expect(said).to.contain(missing);
      expect(await readdir(folder)).not.to.include(`${missing}.db`);
    });
  }

  it('replay dead letters anyway, and print the checks that were skipped', async () => {
    await make('ops');
    const { code, out, said } = await run('dead', 'replay', '--all', '--json');
    expect(code).to.equal(0);
    expect(JSON.parse(out)).to.deep.include({ total: 1, unread: ['core', 'services'] });
    expect(said).to.contain('Not checked').and.contain('core, services (');
  });

  it('do not require the store of a disabled worker', async () => {
    await make(...allBut('services'));
    env['WORKERS'] = 'trips';
    expect(await run('events', 'list')).to.include({ code: 0 });
    expect(await run('projections', 'list')).to.include({ code: 0 });
  });
});
