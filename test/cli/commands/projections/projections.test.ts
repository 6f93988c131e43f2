import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PermanentError } from '../../../../src/errors.js';
import * as projections from '../../../../src/cli/commands/projections/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { runProjections } from '../../../../src/projections/run.js';
import type { Store } from '../../../../src/store/store.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { runCommand } from '../../../support/command.js';
import { shop } from '../../../support/shop.js';
import { createTempStore, type TempStore } from '../../../store/support/temp-store.js';
import {
  append,
  begun,
  finished,
  jobsProjection,
  modelOf,
  pickyProjection,
  someEvents,
} from '../../../projections/support/jobs.js';
import { eventually } from '../../../support/eventually.js';
import { seededRandom } from '../../../support/seed.js';
import { projectionDefinitionOf } from '../../../../src/projections/definition.js';

const jobs = jobsProjection();
const picky = pickyProjection(({ data }) => {
  if ((data as { n: number }).n === 13) throw new PermanentError('job.unlucky', 'There is no job 13.');
});

describe('flotilla projections', () => {
  let temp: TempStore;
  let stop = new AbortController();
  beforeEach(async () => {
    temp = await createTempStore();
    stop = new AbortController();
  });
  afterEach(() => temp.dispose());

  const fleet = defineFleet({
    catalogue: shop,
    workers: [
      shop.defineWorker({
        name: 'models',
        store: 'core',
        emits: ['job.begun', 'job.finished', 'job.failed'],
        projections: [jobs, picky],
      }),
      shop.defineWorker({ name: 'doer', on: { 'job.requested': () => undefined } }),
    ],
  });
  const run = (...args: string[]) =>
    runCommand({ modules: [projections], fleet, env: { DATA_DIR: temp.folder }, cwd: temp.folder, stop: stop.signal }, [
      'projections',
      ...args,
    ]);
  const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).out);

  /** Runs the projections until they are caught up or stopped. */
  async function keepUp(store: Store): Promise<void> {
    const part = await runProjections([projectionDefinitionOf(jobs), projectionDefinitionOf(picky)], {
      store,
      instance: 'live',
      logger: silentLogger(),
    });
    await part.caughtUp().catch(() => undefined);
    await part.stop();
  }

  it('list prints the progress of each model, also before the model exists', async () => {
    const absent = { worker: 'models', store: 'core', status: 'absent', position: 0, modelVersion: null };
    const before = await json('list');
    expect(before.total).to.equal(2);
    expect(before.unread).to.deep.equal(['core']);
    expect(before.items[0]).to.include({ name: 'jobs', ...absent, status: 'unread', position: null, behind: null });
    const table = await run('list');
    expect(table.code).to.equal(1);
    expect(table.out).to.match(/jobs +models +core +unread +\? +\? /);
    expect(table.said).to.contain('Not read: core (');
    expect((await run('show', 'jobs')).code).to.equal(1);

    const store = await temp.open();
    await append(store, begun(1), begun(13), begun(2));
    expect((await json('list')).items[0]).to.include({ name: 'jobs', ...absent, behind: 3 });
    await keepUp(store);
    const { items } = await json('list');
    expect(items[0]).to.include({
      name: 'jobs',
      status: 'running',
      position: 3,
      behind: 0,
      version: 1,
      modelVersion: 1,
    });
    expect(items[1]).to.include({ name: 'picky', status: 'stopped', position: 1, behind: 2, skipped: 0 });
    expect(items[1].stop).to.include({ position: 2, type: 'job.begun', code: 'job.unlucky' });
    const { out, said } = await run('list');
    expect(out)
      .to.match(/^NAME +WORKER +STORE +STATUS/)
      .and.match(/picky +models +core +stopped +1 +2 +1 +0/);
    expect(said).to.contain('picky stopped at 2, job.begun').and.contain('There is no job 13.');
  });

  it('skip requires a reason, records it and resumes the model', async () => {
    const store = await temp.open();
    const [, id = ''] = await append(store, begun(1), begun(13), begun(2));
    await keepUp(store);
    expect((await run('skip', 'picky')).code).to.equal(2);
    expect((await run('skip', 'picky', '--reason', 'x', '--event', 'another')).code).to.equal(1);
    expect((await run('skip', 'jobs', '--reason', 'x')).code).to.equal(1);
    const { code, out } = await run('skip', 'picky', '--reason', 'never was', '--event', id);
    expect(code).to.equal(0);
    expect(out).to.contain(id);
    await keepUp(store);
    const shown = await json('show', 'picky');
    expect(shown).to.include({ status: 'running', position: 3, behind: 0, skipped: 1 });
    expect(shown.skips[0]).to.include({ eventId: id, position: 2, code: 'job.unlucky', reason: 'never was' });
    expect(shown.skips[0].who).to.be.a('string').and.not.equal('');
    expect((await run('show', 'picky')).out)
      .to.contain('never was')
      .and.contain('tables    picky_list');
  });

  it('rebuild reports the differences, or that there are none, and swaps', async () => {
    const store = await temp.open();
    await append(store, begun(1), begun(2), finished(1));
    await keepUp(store);
    const { code, out } = await run('rebuild', '--all');
    expect(code).to.equal(0);
    expect(out)
      .to.contain(
        'jobs: rebuilt, now at position 3; 3 events of its types handled; compared at position 3: no difference',
      )
      .and.contain('  job_list: 2 rows, the same')
      .and.contain('picky: rebuilt');
    await store.transaction(async ({ sql }) => {
      await sql`update job_list__2 set status = 'lost' where n = 2`;
      await sql`insert into job_list__2 (n, status, events) values (7, 'begun', 1)`;
    });
    const trial = await run('rebuild', 'jobs', '--dry-run');
    expect(trial.out)
      .to.contain('dry run, not swapped')
      .and.contain('job_list: 2 rows; 1 only in the old, 0 only in the new, 1 changed')
      .and.contain('~ 2  status: "lost" → "begun"')
      .and.contain('- 7  n: 7, status: "begun", events: 1');
    expect((await modelOf(store)).list).to.have.length(3);
    const rebuilt = await json('rebuild', 'jobs');
    expect(rebuilt.total).to.equal(1);
    expect(rebuilt.items[0]).to.include({ projection: 'jobs', swapped: true, comparedAt: 3 });
    expect(rebuilt.items[0].difference[0]).to.include({ table: 'job_list', changed: 1, onlyOld: 1 });
    expect((await modelOf(store)).list).to.have.length(2);
  });

  it('rebuild reports the tables that it cannot compare, and no difference where it compares none', async () => {
    const store = await temp.open();
    await append(store, begun(1), begun(2), finished(1));
    await keepUp(store);
    const drop = (table: 'job_list' | 'job_totals') =>
      store.transaction(async ({ sql }) => {
        if (table === 'job_list') await sql`drop view job_list`;
        else await sql`drop view job_totals`;
        if (table === 'job_list') await sql`drop table job_list__1`;
        else await sql`drop table job_totals__1`;
      });
    await drop('job_list');
    expect((await run('rebuild', 'jobs', '--dry-run')).out)
      .to.contain('compared at position 3: no difference; 1 of 2 tables cannot be compared')
      .and.contain('  job_list: 2 rows in the new; cannot be compared: the live model lacks its table job_list__1');
    await drop('job_totals');
    const { out } = await run('rebuild', 'jobs');
    expect(out).to.contain(
      'jobs: rebuilt, now at position 3; 3 events of its types handled; old and new cannot be compared\n',
    );
  });

  it('rebuild creates a model that no worker has built yet, with or without events', async () => {
    const store = await temp.open();
    expect((await run('rebuild', 'jobs')).out).to.contain(
      'jobs: rebuilt, now at position 0; 0 events of its types handled; compared at position 0: no',
    );
    await append(store, begun(1), begun(2));
    expect(await run('rebuild', 'picky')).to.include({ code: 0 });
    const { out } = await run('list');
    expect(out).to.match(/jobs +models +core +running +0 +2 /);
    expect(out).to.match(/picky +models +core +running +2 +0 /);
  });

  it('rebuild reports the event at which a model fails, and builds the others', async () => {
    const store = await temp.open();
    await append(store, begun(1));
    await keepUp(store);
    await append(store, begun(13));
    await keepUp(store);
    const { code, out, said } = await run('rebuild', '--all');
    expect(code).to.equal(1);
    expect(out).to.contain('jobs: rebuilt, now at position 2').and.contain('picky: rebuilt, now at position 1');
    expect(out + said)
      .to.contain('stopped at 2, job.begun')
      .and.contain('job.unlucky');
  });

  it('rebuild can be interrupted, and resumes when it is run again', async () => {
    const store = await temp.open();
    await append(store, ...someEvents(1_500, seededRandom('commands')));
    await append(store, ...someEvents(1_500, seededRandom('commands')));
    await keepUp(store);
    const running = run('rebuild', 'jobs');
    await untilBuilding(store);
    stop.abort(new Error('received SIGINT'));
    const interrupted = await running;
    expect(interrupted.said).to.contain('continues from here');
    expect((await json('show', 'jobs')).rebuilding).to.include({ version: 1 });
    stop = new AbortController();
    const rebuilt = await json('rebuild', 'jobs');
    expect(rebuilt.items[0]).to.include({ resumed: true, swapped: true });
    expect(rebuilt.items[0].handled).to.be.lessThan(3_000);
    expect((await json('show', 'jobs')).rebuilding).to.equal(null);
  });

  async function untilBuilding(store: Store): Promise<void> {
    await eventually('the rebuild has begun', async () => (await store.checkpoint('projection:jobs:2')) > 0, {
      every: 1,
    });
  }

  it('exits with 2 on wrong usage, and with 1 for an unknown model', async () => {
    for (const args of [['rebuild'], ['rebuild', 'jobs', '--all'], ['skip']]) {
      expect((await run(...args)).code, args.join(' ')).to.equal(2);
    }
    for (const args of [
      ['skip', 'jobs', '--reason', 'x'],
      ['rebuild', 'jobs'],
    ]) {
      const { code, said } = await run(...args);
      expect(code, args.join(' ')).to.equal(1);
      expect(said).to.contain('store.missing');
    }
    expect(existsSync(join(temp.folder, 'core.db'))).to.equal(false);
  });
});
