import { expect } from 'chai';
import { FlotillaError, PermanentError } from '../../../src/errors.js';
import { isSame } from '../../../src/projections/rebuild/difference.js';
import { ModelFreeze } from '../../../src/projections/rebuild/freeze.js';
import { LiveModel } from '../../../src/projections/live-model.js';
import { prepareProjections } from '../../../src/projections/tables/prepare.js';
import type { Projection } from '../../../src/projections/definition.js';
import { projectionLag } from '../../../src/projections/projection-lag.js';
import { rebuildProjection, type RebuildOptions } from '../../../src/projections/rebuild/rebuild.js';
import { swapGenerations } from '../../../src/projections/rebuild/swap.js';
import type { Store } from '../../../src/store/store.js';
import { shop } from '../../support/shop.js';
import { createTempStore, type TempStore } from '../../store/support/temp-store.js';
import { interposed } from '../support/interposed.js';
import { append, begun, expectedModel, finished, jobsProjection, modelOf, pickyProjection } from '../support/jobs.js';
import { rejection } from '../support/waiting.js';
import { projectionDefinitionOf } from '../../../src/projections/definition.js';

const jobs = jobsProjection();

/** The projection of jobs with changed tables. */
const changed = jobsProjection({
  version: 2,
  tables: {
    job_list: `create table job_list (n bigint not null primary key, status text not null, events bigint not null, note text)`,
    job_totals: `create table job_totals (status text not null primary key, amount bigint not null, note text)`,
  },
});

describe('edge cases of a rebuild', () => {
  let temp: TempStore;
  let store: Store;

  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
  });
  afterEach(() => temp.dispose());

  const rebuild = (options: Partial<RebuildOptions> = {}, projection: Projection = jobs, on = store) =>
    rebuildProjection(on, projectionDefinitionOf(projection), {
      instance: 'rebuild',
      signal: new AbortController().signal,
      leaseTtl: 5_000,
      ...options,
    });
  /** Advances the model until it is caught up. */
  async function keep(projection = jobs): Promise<void> {
    await prepareProjections(store, [projectionDefinitionOf(projection)]);
    const model = new LiveModel(store, projectionDefinitionOf(projection), Date.now);
    for (;;) {
      const turn = await model.advance();
      if (turn.kind === 'waiting' || turn.step.position >= (await store.head())) return;
    }
  }
  const isCompared = (key: string | symbol, text: string) => key === 'query' && text.includes('job_totals__2');

  it('rebuilds an empty model from an empty store whose worker has never run', async () => {
    const rebuilt = await rebuild();
    expect(rebuilt).to.include({ swapped: true, resumed: false, comparedAt: 0, position: 0, handled: 0 });
    expect(isSame(rebuilt.difference)).to.equal(true);
    expect(await modelOf(store)).to.deep.equal(expectedModel([]));
  });

  it('brings the model of a worker that has never run up to the head after the swap', async () => {
    const events = [begun(1), begun(2), finished(1)];
    await append(store, ...events);
    expect(await rebuild()).to.include({ swapped: true, comparedAt: 0, position: 3, handled: 3 });
    expect(await modelOf(store)).to.deep.equal(expectedModel(events));
  });

  it('reports changed columns also when one side has no rows', async () => {
    await append(store, begun(1));
    await keep();
    await store.transaction(async ({ sql }) => {
      await sql`delete from job_list__1`;
    });
    const { difference } = await rebuild({}, changed);
    expect(difference.map(({ incomparable, rows }) => [incomparable, rows])).to.deep.equal([
      ['the columns differ: +note', 1],
      ['the columns differ: +note', 1],
    ]);
    await store.transaction(async ({ sql }) => {
      await sql`update flotilla_projections set version = 1`;
      await sql`insert into job_list__2 (n, status, events) values (7, 'begun', 1)`;
    });
    const back = await rebuild({}, jobsProjection({ before: () => undefined }));
    expect(back.difference[0]).to.include({ incomparable: 'the columns differ: -note', rows: 1 });
  });

  it('drops old tables with foreign keys between each other', async () => {
    const linked = shop.defineProjection({
      name: 'linked',
      version: 1,
      tables: {
        linked_jobs: 'create table linked_jobs (n bigint not null primary key)',
        linked_done: 'create table linked_done (n bigint not null primary key references linked_jobs (n))',
      },
      on: {
        'job.begun': async ({ data }, { sql }) => void (await sql`insert into linked_jobs (n) values (${data.n})`),
        'job.finished': async ({ data }, { sql }) => void (await sql`insert into linked_done (n) values (${data.n})`),
      },
    });
    await append(store, begun(1), finished(1));
    await keep(linked);
    expect(await rebuild({}, linked)).to.include({ swapped: true, position: 2 });
    const left = await store.query`select name from sqlite_master where type = 'table' and name like 'linked_%'`;
    expect(left.map(({ name }) => name)).to.have.members(['linked_jobs__2', 'linked_done__2']);
  });

  it('yields to the event loop between the parts that it compares', async () => {
    const count = 2_500;
    for (let n = 0; n < count; n += 500) {
      await append(store, ...Array.from({ length: 500 }, (_, index) => begun(n + index)));
    }
    await keep();
    let pages = 0;
    let turns = 0;
    let waiting: NodeJS.Immediate | undefined;
    const watched = new Proxy(store, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const text = Array.isArray(args[0]) ? args[0].join('') : '';
          if (key === 'query' && text.includes(') a LEFT JOIN job_list__')) {
            pages += 1;
            clearImmediate(waiting);
            waiting = setImmediate(() => (turns += 1));
          }
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
    await rebuild({}, jobs, watched);
    expect(pages).to.be.at.least(6);
    expect(turns).to.equal(pages);
  });

  it('succeeds once it has swapped, even if its lease cannot be released', async () => {
    await append(store, begun(1));
    await keep();
    const fail = () => Promise.reject(new FlotillaError('store.busy'));
    expect(
      await rebuild(
        {},
        jobs,
        interposed(store, (key) => key === 'releaseLease', fail),
      ),
    ).to.include({
      swapped: true,
      position: 1,
    });
  });

  it('compares again in a dry run when the live model advanced although it was frozen', async () => {
    await append(store, begun(1));
    await keep();
    const moved = interposed(store, isCompared, async () => {
      await append(store, begun(2));
      await new LiveModel(store, projectionDefinitionOf(jobs), () => Date.now() + 60_000).advance(); // when the freeze has long expired
    });
    const rebuilt = await rebuild({ dryRun: true }, jobs, moved);
    expect(rebuilt).to.include({ comparedAt: 2, swapped: false });
    expect(isSame(rebuilt.difference), JSON.stringify(rebuilt.difference)).to.equal(true);
  });

  it('drops no tables in a dry run that another rebuild swapped in, after any delay', async () => {
    await append(store, begun(1));
    await keep();
    const overtaken = interposed(store, isCompared, async () => {
      const other = new ModelFreeze(store, projectionDefinitionOf(jobs), 'other', Date.now);
      await swapGenerations(store, projectionDefinitionOf(jobs), await other.acquire(), 2);
    });
    expect(await rejection(rebuild({ dryRun: true }, jobs, overtaken))).to.have.property('code', 'projection.conflict');
    expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1)]));
  });

  it('reports the position of the new model, not an interruption, when interrupted after the swap', async () => {
    const unlucky = jobsProjection({
      before: ({ data }) => {
        if ((data as { n: number }).n === 13) throw new PermanentError('job.unlucky', 'No 13.');
      },
    });
    await append(store, begun(13), ...Array.from({ length: 450 }, (_, n) => begun(n + 100)));
    await keep(unlucky);
    const stop = new AbortController();
    const rebuilt = await rebuild({
      signal: stop.signal,
      onProgress: () => {
        stop.abort(new Error('interrupted'));
      },
    });
    expect(rebuilt).to.include({ swapped: true, comparedAt: 0, position: 200 });
    expect(await projectionLag(store, 'jobs')).to.include({ position: 200, status: 'running' });
  });

  it('is not stopped by an event that another process handles first', async () => {
    const picky = projectionDefinitionOf(pickyProjection(() => undefined));
    await append(store, begun(1));
    await prepareProjections(store, [picky]);
    const overtaken = interposed(
      store,
      (key) => key === 'transaction',
      async () => void (await new LiveModel(store, picky, Date.now).advance()),
    );
    expect(await rejection(new LiveModel(overtaken, picky, Date.now).advance())).to.have.property(
      'code',
      'projection.conflict',
    );
    expect(await projectionLag(store, 'picky')).to.include({ position: 1, status: 'running' });
  });

  it('is not stopped at an event that another process handles although this one cannot', async () => {
    const broken = projectionDefinitionOf(pickyProjection(() => Promise.reject(new Error('of an old release'))));
    await append(store, begun(1));
    await prepareProjections(store, [broken]);
    let transactions = 0;
    const overtaken = interposed(
      store,
      (key) => key === 'transaction' && ++transactions === 2,
      async () =>
        void (await new LiveModel(store, projectionDefinitionOf(pickyProjection(() => undefined)), Date.now).advance()),
    );
    expect(await rejection(new LiveModel(overtaken, broken, Date.now).advance())).to.have.property(
      'code',
      'projection.conflict',
    );
    expect(await projectionLag(store, 'picky')).to.include({ position: 1, status: 'running' });
  });

  it('resumes the model of a dead rebuild, even without new events', async () => {
    await append(store, begun(1));
    await keep();
    await new ModelFreeze(store, projectionDefinitionOf(jobs), 'gone', () => Date.now() - 60_000).acquire();
    expect(await projectionLag(store, 'jobs')).to.include({ position: 1, status: 'swapping' });
    await new LiveModel(store, projectionDefinitionOf(jobs), Date.now).advance();
    expect(await projectionLag(store, 'jobs')).to.include({ position: 1, status: 'running' });
  });

  it('freezes a model no longer than the maximum, also when the clock is set back', async () => {
    await append(store, begun(1));
    await prepareProjections(store, [projectionDefinitionOf(jobs)]);
    await new ModelFreeze(store, projectionDefinitionOf(jobs), 'gone', () => Date.now() + 3_600_000).acquire();
    expect(await new LiveModel(store, projectionDefinitionOf(jobs), Date.now).advance()).to.have.property(
      'kind',
      'stepped',
    );
    expect(await projectionLag(store, 'jobs')).to.include({ position: 1, status: 'running' });
  });
});
