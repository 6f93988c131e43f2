import { expect } from 'chai';
import { baseCatalogue, catalogue, event } from 'flotilla';
import { z } from 'zod';
import { defineRoute } from '../../src/api/route.js';
import { projectionDefinitionOf } from '../../src/projections/definition.js';
import { prepareTables } from '../../src/runtime/stores/tables-read.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import { startApi, temporaryFile, type Api } from './support/start.js';

const notes = catalogue(baseCatalogue, { 'note.written': event({ 1: z.object({ text: z.string() }) }) });
const list = notes.defineProjection({
  name: 'list',
  version: 1,
  tables: { note_list: 'create table note_list (id text not null primary key)' },
  on: { 'note.written': () => Promise.resolve() },
});
const counter = notes.defineWorker({
  name: 'counter',
  store: 'core',
  migrations: [{ name: 'counts', sql: 'create table note_counts (day text primary key)' }],
  on: { 'note.written': () => undefined },
});

describe('a route whose tables do not exist yet', () => {
  let file: Awaited<ReturnType<typeof temporaryFile>>;
  let api: Api;
  before(async () => {
    file = await temporaryFile();
    const routes = [
      defineRoute({
        ...{ method: 'get', path: '/list', reads: [list] },
        handler: async ({ store }) => ({ status: 200, body: await store.query`select * from note_list` }),
      }),
      defineRoute({
        ...{ method: 'get', path: '/counts', reads: [counter] },
        handler: async ({ store }) => ({ status: 200, body: await store.query`select * from note_counts` }),
      }),
      defineRoute({
        ...{ method: 'get', path: '/wrong', reads: [counter] },
        handler: async ({ store }) => ({ status: 200, body: await store.query`select * from note_count` }),
      }),
    ];
    api = await startApi(file.path, { routes });
  });
  after(async () => {
    await api.close();
    await file.remove();
  });

  it('answers 503 with Retry-After and the part that has not started, until it has', async () => {
    for (const [path, part] of [
      ['/list', 'the projection list'],
      ['/counts', 'the worker counter'],
    ] as const) {
      const { status, headers, body } = await api.send('GET', path);
      expect([status, body.code, headers.get('retry-after')], path).to.deep.equal([503, 'tables.missing', '5']);
      expect(body.detail, path).to.equal(part);
      expect(body.title, path).not.to.match(/no such table/);
    }
    await prepareTables(api.store, {
      workers: [workerDefinitionOf(counter)],
      projections: [projectionDefinitionOf(list)],
    });
    for (const path of ['/list', '/counts']) {
      const { status, body } = await api.send('GET', path);
      expect([status, body], path).to.deep.equal([200, []]);
    }
    // the tables exist, so that a failure has another cause
    const { status, body } = await api.send('GET', '/wrong');
    expect([status, body.code]).to.deep.equal([500, 'internal']);
  });
});
