import { expect } from 'chai';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { keyOf } from '../../src/projections/define-projection.js';
import { generationSql, statementsOf } from '../../src/projections/tables/physical-names.js';
import { shop } from '../support/shop.js';
import { jobsProjection } from './support/jobs.js';
import { projectionDefinitionOf } from '../../src/projections/definition.js';

describe('defining a projection', () => {
  const define = (changes: object) => () =>
    shop.defineProjection({
      name: 'jobs',
      version: 1,
      tables: { job_list: 'create table job_list (n bigint primary key)' },
      on: { 'job.begun': () => undefined },
      ...changes,
    });

  for (const [what, changes] of Object.entries({
    'a name with capital letters': { name: 'Jobs' },
    'a version of 0': { version: 0 },
    'no tables': { tables: {} },
    'a table of the store': { tables: { flotilla_list: 'create table flotilla_list (n bigint primary key)' } },
    'a table that its statement does not create': { tables: { job_list: 'create table jobs (n bigint primary key)' } },
    'a table without a primary key': { tables: { job_list: 'create table job_list (n bigint)' } },
    'a column with the name of a table': {
      tables: { job_list: 'create table job_list (n bigint primary key, job_list text)' },
    },
    'a second table in the statement of the first': {
      tables: { job_list: 'create table job_list (n bigint primary key); create table more (n bigint primary key)' },
    },
    'a trigger, which each rebuild would create again': {
      tables: {
        job_list: `create table job_list (n bigint primary key);
          create trigger job_list_seen after insert on job_list begin select 1; end`,
      },
    },
    'an index with a quoted name, which a rebuild would not change': {
      tables: {
        job_list: 'create table job_list (n bigint primary key); create index "job_list_by_n" on job_list (n)',
      },
    },
    'an index not named after its table, because another projection may use the name': {
      tables: { job_list: 'create table job_list (n bigint primary key); create index by_n on job_list (n)' },
    },
    'a primary key in a comment': {
      tables: { job_list: 'create table job_list (n bigint /* , primary key (n) */)' },
    },
    'no handlers': { on: {} },
    'a pattern that matches nothing': { on: { 'order.*': () => undefined } },
    'two equally specific patterns': { on: { 'job.*': () => undefined, '*.begun': () => undefined } },
  })) {
    it(`rejects ${what}`, () => {
      expect(define(changes)).to.throw().with.property('code', 'projection.bad_definition');
    });
  }

  it('types handlers by the catalogue', () => {
    const tables = { job_list: 'create table job_list (n bigint primary key)' };
    shop.defineProjection({
      name: 'typed',
      version: 1,
      tables,
      on: {
        'job.failed': async ({ data }, { sql }) => {
          const n: number = data.n;
          const reason: string = data.reason;
          await sql`insert into job_list (n) values (${n + reason.length})`;
          // @ts-expect-error the type has no such field
          expect(data.amount).to.equal(undefined);
        },
      },
    });
    const wrong = () =>
      shop.defineProjection({
        name: 'typed',
        version: 1,
        tables,
        // @ts-expect-error no type of the catalogue matches
        on: { 'order.*': async () => undefined },
      });
    expect(wrong).to.throw().with.property('code', 'projection.bad_definition');
  });

  it('selects the most specific handler for each event, and applies wildcards to events only', () => {
    const begun = () => undefined;
    const any = () => undefined;
    const definition = projectionDefinitionOf(
      shop.defineProjection({
        name: 'jobs',
        version: 1,
        tables: { job_list: 'create table job_list (n bigint primary key)' },
        on: { 'job.*': any, 'job.begun': begun },
      }),
    );
    expect(Object.fromEntries(definition.handlerOf)).to.deep.equal({
      'job.begun': begun,
      'job.finished': any,
      'job.failed': any,
    });
  });

  it('belongs to one worker', () => {
    const keeper = (name: string) => shop.defineWorker({ name, store: 'core', projections: [jobsProjection()] });
    const doer = shop.defineWorker({
      name: 'doer',
      store: 'core',
      emits: ['job.begun', 'job.finished', 'job.failed'],
      on: { 'job.requested': () => undefined },
    });
    const fleet = (...names: string[]) => defineFleet({ catalogue: shop, workers: [doer, ...names.map(keeper)] });
    expect(() => fleet('one', 'two'))
      .to.throw('one and two both run the projection jobs')
      .with.property('code', 'fleet.invalid');
    expect(fleet('one').workers).to.have.length(2);
  });

  describe('of a type that its store never contains', () => {
    const common = {
      name: 'jobs',
      version: 1,
      tables: { job_list: 'create table job_list (n bigint primary key)' },
    };
    const projections = {
      'job.begun': shop.defineProjection({ ...common, on: { 'job.begun': () => Promise.resolve() } }),
      'job.*': shop.defineProjection({ ...common, on: { 'job.*': () => Promise.resolve() } }),
    };
    const fleet = (type: 'job.begun' | 'job.*', emits: 'job.failed' | 'job.begun', more: object = {}) =>
      defineFleet({
        catalogue: shop,
        workers: [
          shop.defineWorker({ name: 'views', store: 'core', projections: [projections[type]] }),
          shop.defineWorker({ name: 'doer', store: 'core', emits: [emits], on: { 'job.requested': () => undefined } }),
        ],
        ...more,
      });

    it('is rejected with the list of stored types', () => {
      expect(() => fleet('job.begun', 'job.failed'))
        .to.throw('jobs of views handles job.begun, which the store core never contains, only job.failed')
        .with.property('code', 'fleet.invalid');
      const elsewhere = { api: { store: 'other', emits: ['job.begun'], routes: [] } };
      expect(() => fleet('job.begun', 'job.failed', elsewhere)).to.throw('never contains');
    });

    it('is accepted if a worker of the store or its API emits the type, or one type of a pattern', () => {
      fleet('job.begun', 'job.begun');
      fleet('job.*', 'job.failed');
      fleet('job.begun', 'job.failed', { api: { store: 'core', emits: ['job.begun'], routes: [] } });
    });

    it('is not checked when the API of the store does not declare its emitted types', () => {
      fleet('job.begun', 'job.failed', { api: { store: 'core', routes: [] } });
      const unknown = { api: { store: 'core', emits: ['job.nonsense'], routes: [] } };
      expect(() => fleet('job.begun', 'job.failed', unknown)).to.throw('unknown type job.nonsense');
    });
  });

  it('names tables and indexes of each generation differently', () => {
    const definition = projectionDefinitionOf(jobsProjection());
    expect(statementsOf(definition, 7).replace(/\s+/g, ' ').trim()).to.equal(
      'create table job_list__7 (n bigint not null primary key, status text not null, events bigint not null); ' +
        'create index job_list_by_status__7 on job_list__7 (status, n); ' +
        'create table job_totals__7 (status text not null primary key, amount bigint not null);',
    );
  });

  it('distinguishes table names from similar text in SQL', async () => {
    const queries: string[] = [];
    const sql = generationSql(
      ['job', 'job_list'],
      7,
    )((text) => {
      queries.push(text.join('?'));
      return Promise.resolve([]);
    });
    await sql`insert into Job_List (job_id, n) select j.n, ${1} from "job" j, job_lists, my_job -- it's of a job
      where job.kind = 'job' and job_list.name <> 'a job''s job' /* job */ and excluded.job_id = JOB.n`;
    expect(queries).to.deep.equal([
      `insert into job_list__7 (job_id, n) select j.n, ? from "job__7" j, job_lists, my_job -- it's of a job
      where job__7.kind = 'job' and job_list__7.name <> 'a job''s job' /* job */ and excluded.job_id = job__7.n`,
    ]);
  });

  it('finds the primary key of one or several columns', () => {
    expect(keyOf('create table t (a text, b text not null primary key, c text)')).to.deep.equal(['b']);
    expect(keyOf('create table t (a numeric(10, 2), b text default (1), primary key ("b", a))')).to.deep.equal([
      'b',
      'a',
    ]);
    expect(keyOf('create table t (\n  a text not null primary key,\n  b text)')).to.deep.equal(['a']);
    expect(keyOf('create table t (a text)')).to.deep.equal([]);
  });
});
