import { expect } from 'chai';
import * as windowsCommand from '../../src/cli/commands/windows/index.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import type { Store } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { migrateWindows } from '../../src/windows/state/migrations.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import { startWorker, type RunningWorker } from '../../src/worker/start.js';
import { openLogFixture, type LogFixture } from '../event-log/support/log-fixture.js';
import { runCommand } from '../support/command.js';
import { eventually } from '../support/eventually.js';
import { testBroker } from '../support/rabbitmq.js';
import { listing, plant, reading } from './support/readings.js';
import { resultsOf } from './support/run-script.js';

const worker = plant.defineWorker({
  name: 'metrics',
  windows: [listing({ kind: 'tumbling', grace: '1s', idleAfter: '300ms', late: 'ignore' })],
});
const fleet = defineFleet({
  catalogue: plant,
  workers: [
    worker,
    plant.defineWorker({
      name: 'taker',
      store: 'north',
      emits: ['reading.taken'],
      on: { 'reading.listed': () => undefined },
    }),
  ],
});

describe('flotilla windows', function () {
  this.timeout(60_000);
  let bench: LogFixture;
  let store: Store;
  let running: RunningWorker;
  let begin: number;

  beforeEach(async () => {
    bench = await openLogFixture('rabbitmq');
    store = await bench.open('metrics');
    await migrateWindows(store);
    running = await startWorker(workerDefinitionOf(worker), {
      ...{ store, broker: bench.broker, prefix: bench.opened.prefix, instance: 'one' },
      ...{ logger: silentLogger(), leaseTtl: 300 },
    });
    begin = Math.floor(Date.now() / 10_000) * 10_000 - 60_000;
    await bench.publish(taken(1, 0), taken(2, 10_000), taken(3, 20_000));
    await finals(3);
    // late, and ignored
    await bench.publish(taken(4, 5_000), taken(5, 35_000));
    await eventually(async () => (await windows('show', 'listing', '--json')).out.includes('"late": 2'));
  });
  afterEach(async () => {
    await running.stop(5_000);
    await bench.close();
  });

  const taken = (n: number, after: number) => reading({ n, source: 'north', sensor: 'a', time: begin + after });
  const finals = async (count: number) =>
    eventually(`${count} results`, async () => {
      const results = await resultsOf(store);
      return results.length >= count && results;
    });
  const windows = async (...args: string[]) => {
    const { amqpUrl, managementUrl } = await testBroker();
    const env = {
      ...{ DATA_DIR: bench.folder, FLOTILLA_PREFIX: bench.opened.prefix, AMQP_URL: amqpUrl },
      RABBITMQ_MANAGEMENT_URL: managementUrl,
    };
    return runCommand({ modules: [windowsCommand], fleet, env, cwd: bench.folder }, ['windows', ...args]);
  };

  it('rewind counts closed windows again, shows the difference, and emits corrections beside the running worker', async () => {
    const to = new Date(begin).toISOString();
    const dry = await windows('rewind', 'listing', '--to', to, '--dry-run');
    expect(dry.code, dry.said).to.equal(0);
    expect(dry.out).to.contain('events: 5, windows: 4, different: 2; dry run, nothing emitted');
    expect(dry.out).to.contain(`~ a ${to}  {"count":1,"numbers":[1]} → {"count":2,"numbers":[1,4]}`);
    expect(dry.out).to.match(/\+ a .* \{"count":1,"numbers":\[5\]\}/);
    expect(await resultsOf(store)).to.have.length(3);

    const done = await windows('rewind', 'listing', '--to', to);
    expect(done.out, done.said).to.contain('emitted: 2');
    const [first, , , corrected, added] = await finals(5);
    expect(corrected?.numbers).to.deep.equal([1, 4]);
    expect(corrected?.window).to.include({ revision: 1, corrects: first?.id, count: 2, late: 0 });
    expect(added?.window).to.include({ revision: 0, count: 1 });

    const again = await windows('rewind', 'listing', '--to', to);
    expect(again.out).to.contain('different: 0; emitted: 0');
    // The worker goes on with the new state. Its windows are closed up to the wall clock; the second event closes that of the
    // first.
    const ahead = Math.ceil((Date.now() - begin) / 10_000) * 10_000 + 60_000;
    await bench.publish(taken(6, ahead), taken(7, ahead + 11_000));
    expect((await finals(6)).at(-1)?.numbers).to.deep.equal([6]);
  });

  it('rewind leaves windows before the time alone, and knows only defined names', async () => {
    const to = new Date(begin + 10_000).toISOString();
    expect((await windows('rewind', 'listing', '--to', to, '--dry-run')).out).to.contain(
      'events: 3, windows: 3, different: 1',
    );
    const unknown = await windows('rewind', 'lasting', '--to', to);
    expect(unknown.said).to.contain('did you mean listing?');
    expect((await windows('rewind', 'listing', '--to', 'yesterday')).code).to.equal(2);
  });

  it('drop deletes the state of a version that the fleet no longer has, unless a process computes it', async () => {
    // its results follow those of version 1
    const old = listing({ kind: 'tumbling', grace: '1s', idleAfter: '300ms', version: 7 });
    const former = await startWorker(workerDefinitionOf(plant.defineWorker({ name: 'metrics', windows: [old] })), {
      ...{ store, broker: bench.broker, prefix: bench.opened.prefix, instance: 'old' },
      logger: silentLogger(),
    });
    await finals(6);
    expect((await windows('list')).out).to.match(/listing@7 +- +metrics +old/);
    expect((await windows('drop', 'listing@7', '--yes')).said).to.contain('a process computes listing@7');
    await former.stop(5_000);
    expect((await windows('drop', 'listing@7')).said).to.contain('without a terminal, add --yes');
    expect((await windows('drop', 'listing@1', '--yes')).said).to.contain('is a version of this fleet');
    expect((await windows('drop', 'listing@7', '--yes')).out).to.match(/deleted, with [45] panes/);
    expect((await windows('drop', 'listing@7', '--yes')).said).to.contain('windows.not_found');
    expect((await windows('list')).out)
      .to.match(/listing@1 +metrics +metrics +current/)
      .and.not.contain('listing@7');
    const [left] = await store.query<{ n: number }>`SELECT COUNT(*) AS n FROM flotilla_window_recent WHERE windows > 1`;
    expect(Number(left?.n)).to.equal(0);
    expect(await resultsOf(store)).to.have.length.above(3);
  });

  it('list, show and late print the state, and the events that were late', async () => {
    const list = JSON.parse((await windows('list', '--json')).out);
    expect(list.items).to.have.length(1);
    expect(list.items[0]).to.include({ name: 'listing', worker: 'metrics', status: 'current', results: 3, late: 2 });
    expect((await windows('list')).out).to.match(/listing@1 +metrics +metrics +current +\S+Z +3 +0 +2 +0/);
    const shown = (await windows('show', 'listing')).out;
    expect(shown).to.contain('window       tumbling 10s, grace 1s, sources idle after 300ms');
    expect(shown).to.match(/source +north: newest \S+Z, seen \S+Z/);
    const late = (await windows('late', 'listing')).out;
    expect(late).to.match(/reading\.taken +a +\S+Z +\S+Z +\S+ +ignored/);
    expect(JSON.parse((await windows('late', 'listing', '--json')).out).total).to.equal(2);
  });
});
