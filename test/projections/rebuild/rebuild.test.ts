import { expect } from 'chai';
import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import { PermanentError } from '../../../src/errors.js';
import type { Projection } from '../../../src/projections/definition.js';
import { projectionLag } from '../../../src/projections/projection-lag.js';
import { rebuildProjection, type RebuildOptions } from '../../../src/projections/rebuild/rebuild.js';
import { isSame } from '../../../src/projections/rebuild/difference.js';
import { runProjections, type ProjectionsPart } from '../../../src/projections/run.js';
import { setStopped } from '../../../src/projections/tables/state.js';
import { ModelFreeze } from '../../../src/projections/rebuild/freeze.js';
import { LiveModel } from '../../../src/projections/live-model.js';
import { prepareProjections } from '../../../src/projections/tables/prepare.js';
import { skipEvent } from '../../../src/projections/tables/skips.js';
import type { Sql, Store } from '../../../src/store/store.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { createTempStore, type TempStore } from '../../store/support/temp-store.js';
import {
  append,
  begun,
  expectedModel,
  finished,
  jobsProjection,
  modelOf,
  someEvents,
  type JobEvent,
} from '../support/jobs.js';
import { interposed } from '../support/interposed.js';
import { rejection } from '../support/waiting.js';
import { eventually } from '../../support/eventually.js';
import { seed, seededRandom } from '../../support/seed.js';
import { projectionDefinitionOf } from '../../../src/projections/definition.js';

const jobs = projectionDefinitionOf(jobsProjection());
const nothing = { type: '', code: '', message: '', at: '' };

describe('rebuilding a projection', function () {
  this.timeout(60_000);
  let temp: TempStore;
  let store: Store;
  const parts: ProjectionsPart[] = [];

  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
  });
  afterEach(async () => {
    await Promise.all(parts.splice(0).map((part) => part.stop()));
    await temp.dispose();
  });

  async function run(projection = jobsProjection(), on = store): Promise<ProjectionsPart> {
    const part = await runProjections([projectionDefinitionOf(projection)], {
      store: on,
      instance: 'live',
      logger: silentLogger(),
      leaseTtl: 300,
    });
    parts.push(part);
    return part;
  }
  let runs = 0;
  const rebuild = (options: Partial<RebuildOptions> = {}, projection: Projection = jobsProjection(), on = store) =>
    rebuildProjection(on, projectionDefinitionOf(projection), {
      instance: `rebuild-${(runs += 1)}`,
      signal: new AbortController().signal,
      leaseTtl: 300,
      ...options,
    });
  const tables = async () =>
    (
      await store.query<{ name: string }>`select name from sqlite_master where type = 'table' and name like 'job_%'`
    ).map(({ name }) => name);

  it('finds no difference in an up-to-date model, replaces it and drops the old tables', async () => {
    const events = someEvents(700, seededRandom('rebuild'));
    await append(store, ...events);
    const part = await run();
    await part.caughtUp();
    const shown: number[] = [];
    const rebuilt = await rebuild({ onProgress: (done) => shown.push(done) });
    expect(rebuilt).to.include({ swapped: true, resumed: false, comparedAt: 700, position: 700, handled: 700 });
    expect(isSame(rebuilt.difference), JSON.stringify(rebuilt.difference)).to.equal(true);
    expect(rebuilt.difference.map(({ table }) => table)).to.deep.equal(['job_list', 'job_totals']);
    expect(shown).to.deep.equal([...shown].sort((a, b) => a - b));
    expect(shown.at(-1)).to.equal(700);
    expect(await modelOf(store)).to.deep.equal(expectedModel(events));
    expect(await tables()).to.have.members(['job_list__2', 'job_totals__2']);
    await append(store, begun(1000));
    await part.caughtUp();
    expect(await modelOf(store)).to.deep.equal(expectedModel([...events, begun(1000)]));
  });

  it('reports the rows in which the old model was wrong, and corrects them', async () => {
    const events = [begun(1), begun(2), begun(3), finished(1)];
    await append(store, ...events);
    const part = await run();
    await part.caughtUp();
    await store.transaction(async ({ sql }) => {
      await sql`update job_list__1 set status = 'lost' where n = 1`;
      await sql`delete from job_list__1 where n = 2`;
      await sql`insert into job_list__1 (n, status, events) values (9, 'begun', 1)`;
    });
    const { difference } = await rebuild();
    expect(difference).to.deep.equal([
      {
        table: 'job_list',
        rows: 3,
        onlyOld: 1,
        onlyNew: 1,
        changed: 1,
        sample: [
          { kind: 'changed', key: { n: 1 }, old: { status: 'lost' }, new: { status: 'finished' } },
          { kind: 'only old', key: { n: 9 }, old: { n: 9, status: 'begun', events: 1 } },
          { kind: 'only new', key: { n: 2 }, new: { n: 2, status: 'begun', events: 1 } },
        ],
      },
      { table: 'job_totals', rows: 2, onlyOld: 0, onlyNew: 0, changed: 0, sample: [] },
    ]);
    expect(await modelOf(store)).to.deep.equal(expectedModel(events));
  });

  it('compares every row of tables of any size, and reports the first few differences', async () => {
    const count = 2_500;
    for (let n = 0; n < count; n += 500) {
      await append(store, ...Array.from({ length: 500 }, (_, index) => begun(n + index)));
    }
    const part = await run();
    await part.caughtUp();
    await store.transaction(async ({ sql }) => {
      await sql`update job_list__1 set events = 7 where n % 10 = 0`;
      await sql`delete from job_list__1 where n >= 1000 and n < 2200 and n % 10 <> 0`;
    });
    const { difference } = await rebuild();
    expect(difference[0]).to.include({ rows: count, onlyOld: 0, onlyNew: 1080, changed: 250 });
    expect(difference[0]?.sample).to.have.length(10);
  });

  it('builds and compares in a dry run, but changes and keeps nothing', async () => {
    await append(store, begun(1));
    const part = await run();
    await part.caughtUp();
    await store.transaction(async ({ sql }) => {
      await sql`update job_list__1 set status = 'lost'`;
    });
    const { swapped, difference } = await rebuild({ dryRun: true });
    expect(swapped).to.equal(false);
    expect(difference[0]).to.include({ changed: 1 });
    expect((await modelOf(store)).list).to.deep.equal([{ n: 1, status: 'lost', events: 1 }]);
    expect(await tables()).to.have.members(['job_list__1', 'job_totals__1']);
    await append(store, begun(2));
    await part.caughtUp();
    expect(part.state()[0]?.status).to.equal('running');
  });

  const damages: Record<string, (sql: Sql) => Promise<unknown>> = {
    'a table was renamed': (sql) => sql`alter table job_list__1 rename to job_list_backup`,
    'a table was dropped': (sql) => sql`drop table job_list__1`,
    'a table and its view were dropped': async (sql) => {
      await sql`drop view job_list`;
      await sql`drop table job_list__1`;
    },
  };
  for (const [what, damage] of Object.entries(damages)) {
    it(`rebuilds a stopped model of which ${what}`, async () => {
      await append(store, begun(1));
      const part = await run();
      await part.caughtUp();
      await store.transaction(({ sql }) => damage(sql));
      await append(store, begun(2));
      expect(await rejection(part.caughtUp()))
        .to.have.property('message')
        .that.contains('no such table: job_list__1');
      const dry = await rebuild({ dryRun: true });
      expect(dry).to.include({ swapped: false, comparedAt: 1, handled: 1 });
      expect(dry.difference).to.deep.equal([
        {
          table: 'job_list',
          incomparable: 'the live model lacks its table job_list__1; changed from outside',
          rows: 1,
          onlyOld: 0,
          onlyNew: 0,
          changed: 0,
          sample: [],
        },
        { table: 'job_totals', rows: 1, onlyOld: 0, onlyNew: 0, changed: 0, sample: [] },
      ]);
      expect(await rebuild()).to.include({ swapped: true, resumed: false, position: 2 });
      expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1), begun(2)]));
      await append(store, begun(3));
      await part.caughtUp();
      expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1), begun(2), begun(3)]));
      const kept = what.includes('renamed') ? ['job_list_backup'] : [];
      expect(await tables()).to.have.members(['job_list__3', 'job_totals__3', ...kept]);
    });
  }

  it('rebuilds a model whose columns were changed from outside', async () => {
    await append(store, begun(1));
    const part = await run();
    await part.caughtUp();
    await store.transaction(({ sql }) => sql`alter table job_list__1 rename column events to changes`);
    const { difference, swapped } = await rebuild();
    expect(swapped).to.equal(true);
    expect(difference[0]).to.include({ incomparable: 'the columns differ: -changes +events' });
    expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1)]));
  });

  it('reports a table in place of a view with a stable code', async () => {
    await append(store, begun(1));
    const part = await run();
    await part.caughtUp();
    await store.transaction(async ({ sql }) => {
      await sql`drop view job_list`;
      await sql`create table job_list (n bigint)`;
    });
    expect(await rejection(rebuild())).to.have.property('code', 'projection.bad_definition');
  });

  it('keeps nothing of a dry run that failed', async () => {
    await append(store, begun(1), begun(13));
    const part = await run();
    await part.caughtUp();
    const picky = jobsProjection({
      before: ({ data }) => {
        if ((data as { n: number }).n === 13) throw new PermanentError('job.unlucky', 'No 13.');
      },
    });
    expect(await rejection(rebuild({ dryRun: true }, picky))).to.have.property('code', 'projection.poison');
    expect(await tables()).to.have.members(['job_list__1', 'job_totals__1']);
    expect(await rebuild()).to.include({ resumed: false, handled: 2 });
  });

  it('runs in one process at a time', async () => {
    await append(store, begun(1));
    await run();
    let second: unknown;
    const busy = interposed(
      store,
      (key, text) => key === 'query' && text.includes('job_list__2'),
      async () => {
        second = await rejection(rebuild({ leaseTtl: 100 }));
      },
    );
    expect(await rebuild({ leaseTtl: 5_000 }, jobsProjection(), busy)).to.include({ swapped: true });
    expect(second).to.have.property('code', 'projection.rebuilding');
  });

  it('upgrades a model of another version, and reports that the two cannot be compared', async () => {
    const events = [begun(1), finished(1), begun(2)];
    await append(store, ...events);
    const part = await run();
    await part.caughtUp();
    await part.stop();
    const second = jobsProjection({
      version: 2,
      tables: {
        job_list: `create table job_list (n bigint not null primary key, status text not null, events bigint not null, note text)`,
        job_totals: `create table job_totals (status text not null primary key, amount bigint not null)`,
        job_notes: `create table job_notes (n bigint not null primary key)`,
      },
    });
    await append(store, begun(3));
    const next = await run(second);
    await eventually(() => next.state()[0]?.status === 'outdated');
    const rebuilt = await rebuild({}, second);
    expect(rebuilt).to.deep.include({ versions: { old: 1, new: 2 }, comparedAt: 3, position: 4 });
    expect(rebuilt.difference.map(({ table, incomparable }) => [table, incomparable])).to.deep.equal([
      ['job_list', 'the columns differ: +note'],
      ['job_totals', undefined],
      ['job_notes', 'the old model has no such table'],
    ]);
    await next.caughtUp();
    await eventually(() => next.state()[0]?.status === 'running');
    expect(await modelOf(store)).to.deep.equal(expectedModel([...events, begun(3)]));
    expect(await store.query`select note from job_list where n = 1`).to.deep.equal([{ note: null }]);
  });

  it('stops at an event that it cannot handle and resumes there; retries a skipped event', async () => {
    let mended = false;
    const picky = jobsProjection({
      before: ({ data }) => {
        if ((data as { n: number }).n === 13 && !mended) throw new PermanentError('job.unlucky', 'No 13.');
      },
    });
    await append(store, begun(1), begun(13), begun(2));
    const part = await run(jobsProjection());
    await part.caughtUp();
    await part.stop();
    const error = await rejection(rebuild({}, picky));
    expect(error).to.have.property('code', 'projection.poison');
    expect(error).to.have.property('message').that.contains('job.unlucky').and.contains('at 2');
    expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1), begun(13), begun(2)]));

    await append(store, begun(13));
    const stopped = await run(picky);
    await rejection(stopped.caughtUp());
    const decision = { reason: 'none', who: 'ada', now: Date.now };
    await skipEvent(store, 'jobs', decision);
    await stopped.caughtUp();
    const again = await rejection(rebuild({}, picky)); // the first event of job 13, which was not skipped
    expect(again).to.have.property('code', 'projection.poison');
    mended = true;
    const rebuilt = await rebuild({}, picky);
    expect(rebuilt).to.include({ resumed: true, swapped: true });
    expect(rebuilt.passedOver).to.deep.equal([]);
    expect(rebuilt.difference[0]).to.include({ changed: 1 });
  });

  it('skips a skipped event that still fails, and reports it', async () => {
    const picky = jobsProjection({
      before: ({ data }) => {
        if ((data as { n: number }).n === 13) throw new PermanentError('job.unlucky', 'No 13.');
      },
    });
    await append(store, begun(1), begun(13), begun(2));
    const part = await run(picky);
    await rejection(part.caughtUp());
    await skipEvent(store, 'jobs', { reason: 'none', who: 'ada', now: Date.now });
    await part.caughtUp();
    const rebuilt = await rebuild({}, picky);
    expect(rebuilt.passedOver.map(({ position, code }) => [position, code])).to.deep.equal([[2, 'job.unlucky']]);
    expect(isSame(rebuilt.difference)).to.equal(true);
  });

  it('resumes a stopped model whose event the new release can handle', async () => {
    await append(store, begun(1), begun(13), begun(2));
    const old = await run(
      jobsProjection({
        before: ({ data }) => {
          if ((data as { n: number }).n === 13) throw new Error('defect');
        },
      }),
    );
    await rejection(old.caughtUp());
    await old.stop();
    expect((await projectionLag(store, 'jobs')).headers).to.deep.equal({
      'Model-Position': '1',
      'Model-Lag': '2',
      'Model-Stopped': 'true',
    });
    const rebuilt = await rebuild();
    expect(rebuilt).to.include({ comparedAt: 1, position: 3 }).and.not.have.property('stoppedAt');
    expect((await projectionLag(store, 'jobs')).headers).to.deep.equal({ 'Model-Position': '3', 'Model-Lag': '0' });
  });

  it('leaves tables that it could not drop to the next process', async () => {
    const part = await run();
    await part.stop();
    await rebuild({ dryRun: true });
    await store.migrate('left', [{ name: '1', sql: 'create table job_list__3 (n bigint)' }]);
    await store.transaction(async ({ sql }) => {
      await sql`
        insert into flotilla_projection_generations (projection, generation, version, role, tables, made_at)
        values ('jobs', 3, 1, 'old', '["job_list"]', '2030-01-01T00:00:00.000Z')`;
    });
    await run();
    expect(await tables()).to.have.members(['job_list__1', 'job_totals__1']);
  });

  it('resumes a model that a dead rebuild had frozen', async () => {
    await append(store, begun(1));
    const part = await run();
    await part.caughtUp();
    await store.transaction(async ({ sql }) => {
      await sql`
        update flotilla_projections set status = 'swapping', held_by = 'gone', held_until = ${Date.now() + 400}`;
    });
    await append(store, begun(2));
    expect((await projectionLag(store, 'jobs')).status).to.equal('swapping');
    await part.caughtUp();
    expect((await projectionLag(store, 'jobs')).status).to.equal('running');
    expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1), begun(2)]));
  });

  const others: Record<string, () => Promise<void>> = {
    'another has taken the place of': async () => void (await rebuild()),
    'a rebuild has frozen': async () => void (await new ModelFreeze(store, jobs, 'other', Date.now).acquire()),
    'another process has brought forward': async () =>
      void (await new LiveModel(store, projectionDefinitionOf(jobsProjection()), Date.now).advance()),
    'another process has stopped': () =>
      store.transaction(({ sql }) => setStopped(sql, 'jobs', { ...nothing, position: 1, eventId: 'other' })),
  };
  for (const [what, happens] of Object.entries(others)) {
    it(`rolls back a batch for a model that ${what} in the meantime`, async () => {
      await append(store, begun(1));
      await prepareProjections(store, [projectionDefinitionOf(jobsProjection())]);
      const isCommit = (key: string | symbol) => key === 'transaction';
      const error = await rejection(
        new LiveModel(
          interposed(store, isCommit, happens),
          projectionDefinitionOf(jobsProjection()),
          Date.now,
        ).advance(),
      );
      expect(error).to.have.property('code', 'projection.conflict');
      expect((await projectionLag(store, 'jobs')).status).to.equal(
        what.includes('frozen') ? 'swapping' : what.includes('stopped') ? 'stopped' : 'running',
      );
      const isMoved = what.includes('forward') || what.includes('place');
      expect((await modelOf(store)).list).to.have.length(isMoved ? 1 : 0);
    });
  }

  it('freezes the live model while it is compared', async () => {
    await append(store, begun(1));
    await prepareProjections(store, [projectionDefinitionOf(jobsProjection())]);
    const live = new LiveModel(store, projectionDefinitionOf(jobsProjection()), Date.now);
    await live.advance();
    let turn: unknown;
    const watched = interposed(
      store,
      (key, text) => key === 'query' && text.includes('job_list__2'),
      async () => {
        await append(store, begun(2));
        turn = await live.advance();
      },
    );
    expect(await rebuild({}, jobsProjection(), watched)).to.include({ comparedAt: 1, position: 2 });
    expect(turn).to.deep.equal({ kind: 'waiting', because: 'frozen' });
  });

  it('compares again when the live model advanced although it was frozen', async () => {
    await append(store, begun(1));
    await prepareProjections(store, [projectionDefinitionOf(jobsProjection())]);
    await new LiveModel(store, projectionDefinitionOf(jobsProjection()), Date.now).advance();
    const isCompared = (key: string | symbol, text: string) => key === 'query' && text.includes('job_list__2');
    const moved = interposed(store, isCompared, async () => {
      await append(store, begun(2));
      await new LiveModel(store, projectionDefinitionOf(jobsProjection()), () => Date.now() + 60_000).advance(); // when the freeze has long expired
    });
    const rebuilt = await rebuild({}, jobsProjection(), moved);
    expect(rebuilt).to.include({ comparedAt: 2, swapped: true });
    expect(isSame(rebuilt.difference)).to.equal(true);
  });

  it(`equals the live model under events and interruptions; readers see complete models (TEST_SEED=${seed}) @slow`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 2 ** 31 }),
        async (interruptions, size, chance) => {
          const each = await createTempStore();
          try {
            await keepsUp(await each.open(), await each.open(), { interruptions, size, chance });
          } finally {
            await each.dispose();
          }
        },
      ),
      { numRuns: 12, seed, endOnFailure: true },
    );
  });

  async function keepsUp(
    live: Store,
    other: Store,
    { interruptions, size, chance }: { interruptions: number[]; size: number; chance: number },
  ): Promise<void> {
    let state = chance;
    const random = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
    const all: JobEvent[] = someEvents(size * 300, random);
    for (let at = 0; at < all.length; at += 300) await append(live, ...all.slice(at, at + 300));
    const part = await runProjections([projectionDefinitionOf(jobsProjection())], {
      store: live,
      instance: 'live',
      logger: silentLogger(),
    });
    // longer than this busy process may pause between renewals
    const leaseTtl = 5_000;
    let over = false;
    const feed = async () => {
      while (!over) {
        const more = someEvents(1 + Math.floor(random() * 20), random);
        all.push(...more);
        await append(live, ...more);
        await setImmediate();
      }
    };
    let reads = 0;
    const watch = async () => {
      let best = 0;
      while (!over) {
        const { position } = await projectionLag(other, 'jobs');
        const [seen] = await other.query<{ events: number; rows: number; totals: number }>`
          select (select coalesce(sum(events), 0) from job_list) as events, (select count(*) from job_list) as rows,
            (select coalesce(sum(amount), 0) from job_totals) as totals`;
        expect(Number(seen?.rows)).to.equal(Number(seen?.totals));
        expect(Number(seen?.events)).to.be.at.least(Math.max(position, best));
        best = Number(seen?.events);
        reads += 1;
        await setImmediate();
      }
    };
    const working = [feed(), watch()];
    try {
      for (const after of interruptions) {
        const abort = new AbortController();
        let steps = 0;
        const interrupted = rebuild(
          {
            leaseTtl,
            signal: abort.signal,
            onProgress: () => {
              if (steps++ === after) abort.abort(new Error('interrupted'));
            },
          },
          jobsProjection(),
          other,
        );
        const error: unknown = await interrupted.catch((reason: unknown) => reason);
        if (error instanceof Error) expect(error.message).to.equal('interrupted');
      }
      const { difference } = await rebuild({ leaseTtl }, jobsProjection(), other);
      expect(isSame(difference), JSON.stringify(difference)).to.equal(true);
    } finally {
      over = true;
      await Promise.all(working);
    }
    await part.caughtUp();
    await part.stop();
    expect(reads).to.be.greaterThan(0);
    expect(await modelOf(live)).to.deep.equal(expectedModel(all));
  }
});
