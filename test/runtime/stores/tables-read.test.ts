import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import {
  baseCatalogue,
  catalogue,
  defineFleet,
  event,
  originContext,
  runApi,
  type Projection,
  type Worker,
} from 'flotilla';
import { defineRoute } from 'flotilla/http';
import { tablesRead } from '../../../src/runtime/stores/tables-read.js';
import { silentLogger } from '../../../src/telemetry/logger.js';

const notes = catalogue(baseCatalogue, { 'note.written': event({ 1: z.object({ text: z.string() }) }) });

const projectionOf = (name: string, table: string) =>
  notes.defineProjection({
    name,
    version: 1,
    tables: { [table]: `create table ${table} (id text not null primary key)` },
    on: {
      'note.written': async ({ subject }, { sql }) => {
        await sql`insert into note_list (id) values (${subject})`;
      },
    },
  });

const list = projectionOf('list', 'note_list');
const titles = projectionOf('titles', 'note_titles');
const counter = (name: string, store: string, table: string) =>
  notes.defineWorker({
    name,
    store,
    migrations: [{ name: 'counts', sql: `create table ${table} (day text primary key, notes bigint not null)` }],
    on: { 'note.written': () => undefined },
  });
const daily = counter('daily', 'notes', 'daily_counts');
const weekly = counter('weekly', 'notes', 'weekly_counts');
const remote = counter('remote', 'elsewhere', 'remote_counts');
const lister = notes.defineWorker({ name: 'lister', store: 'notes', projections: [list, titles] });

const routeThat = (reads: readonly (Projection | Worker)[]) =>
  defineRoute({
    method: 'get',
    path: '/notes',
    reads,
    handler: async ({ store }) => ({
      status: 200,
      body: { counts: await store.query`select * from daily_counts`, list: await store.query`select * from note_list` },
    }),
  });

const fleetThat = (reads: readonly (Projection | Worker)[]) =>
  defineFleet({
    catalogue: notes,
    workers: [daily, weekly, remote, lister],
    api: { store: 'notes', emits: ['note.written'], routes: [routeThat(reads)] },
  });

describe('the tables that routes read', () => {
  let folder: string;
  let stop: AbortController;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'flotilla-tables-'))));
  beforeEach(() => (stop = new AbortController()));
  afterEach(() => stop.abort());
  after(() => rm(folder, { recursive: true, force: true }));

  const run = (reads: readonly (Projection | Worker)[], dataDir: string) =>
    runApi(fleetThat(reads), {
      signal: stop.signal,
      logger: silentLogger(),
      config: {
        amqpUrl: 'amqp://127.0.0.1:1',
        dataDir: join(folder, dataDir),
        drainTimeout: 1000,
        port: 0,
      },
    });

  it('exist before their workers have started, without others; responses report the lag of projections', async () => {
    const api = run([daily, list], 'data');
    const { store, url } = await api.ready;
    const context = originContext({ source: store.service, subject: 'note/1' });
    await store.append('note/1', 'none', [notes.create('note.written', { text: 'Hello' }, context)]);
    const answer = await fetch(`${url}/notes`);
    expect(await answer.json()).to.deep.equal({ counts: [], list: [] });
    expect(answer.headers.get('model-position')).to.equal('0');
    expect(answer.headers.get('model-lag')).to.equal('1');
    for (const unread of [store.query`select * from weekly_counts`, store.query`select * from note_titles`]) {
      const failure = await unread.then(
        () => 'none',
        (error: unknown) => String(error),
      );
      expect(failure).to.match(/no such table/);
    }
    stop.abort();
    await api;
  });

  it('must be in the store of the API: runApi rejects with a remedy', async () => {
    const api = run([remote], 'refused');
    const failure = await api.ready.catch((error: unknown) => error);
    expect(failure).to.include({ code: 'fleet.invalid' });
    expect(String(failure)).to.contain(
      'GET /notes reads the worker remote, whose tables are in the store elsewhere; the API reads only its own store, notes: read a projection or worker of notes that keeps a copy',
    );
    await api.catch(() => undefined);
  });

  const stranger = counter('stranger', 'notes', 'stranger_counts');
  const orphan = projectionOf('orphan', 'orphan_list');
  for (const [what, reads, message] of [
    [
      'a worker that the fleet does not have',
      stranger,
      /GET \/notes reads the worker stranger, which the fleet does not/,
    ],
    ['a projection that no worker updates', orphan, /reads the projection orphan, which no worker updates; add it/],
    [
      'a worker without tables of its own',
      lister,
      /reads the worker lister, which has no tables .*name its projections/,
    ],
  ] as const) {
    it(`cannot be those of ${what}`, () => {
      expect(() => tablesRead(fleetThat([reads]), [routeThat([reads])]))
        .to.throw(message)
        .with.property('code', 'fleet.invalid');
    });
  }

  it('cannot be those of a projection in another store', () => {
    const copy = defineFleet({
      catalogue: notes,
      workers: [notes.defineWorker({ name: 'far', store: 'far', emits: ['note.written'], projections: [list] })],
      api: { store: 'notes', routes: [] },
    });
    expect(() => tablesRead(copy, [routeThat([list])])).to.throw(/projection list, whose tables are in the store far;/);
  });
});
