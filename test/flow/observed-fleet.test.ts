import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import {
  baseCatalogue,
  catalogue,
  createPublisher,
  defineFleet,
  defineJournal,
  event,
  openStore,
  originContext,
  runWorkers,
} from 'flotilla';
import * as flowCommand from '../../src/cli/commands/flow/index.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import type { ObservedFlow } from '../../src/flow/observed.js';
import { seenCounts } from '../../src/journal/seen.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { runCommand } from '../support/command.js';
import { eventually } from '../support/eventually.js';
import { cleanUp, testBroker, type TestBroker } from '../support/rabbitmq.js';

const notes = catalogue(baseCatalogue, {
  'note.written': event({ 1: z.object({ n: z.int() }) }),
  'note.copied': event({ 1: z.object({ n: z.int() }) }),
  'note.lost': event({ 1: z.object({ n: z.int() }) }),
});

const NOTES = 25;

describe('the observed flow of a fleet', function () {
  this.timeout(120_000);
  let folder: string;
  let broker: TestBroker;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-observed-'));
    broker = await testBroker();
  });
  after(async () => {
    await cleanUp(broker.prefix);
    await rm(folder, { recursive: true, force: true });
  });

  let projected = 0;
  const list = notes.defineProjection({
    name: 'list',
    version: 1,
    tables: { list: 'create table list (id text primary key)' },
    on: { 'note.copied': async () => void (projected += 1) },
  });
  const copier = notes.defineWorker({
    name: 'copier',
    emits: ['note.copied'],
    projections: [list],
    on: { 'note.written': ({ data: { n } }, ctx) => void ctx.emit('note.copied', { n }) },
  });
  const idle = notes.defineWorker({ name: 'idle', on: { 'note.copied': () => undefined }, accepts: () => false });
  const fleet = defineFleet({
    catalogue: notes,
    workers: [copier, idle, defineJournal({ name: 'journal' })],
    api: { store: 'notes', routes: [], emits: ['note.written'] },
  });

  /** Runs the fleet until the journal has `expected` events. */
  async function run(expected: number): Promise<void> {
    const stop = new AbortController();
    const dataDir = join(folder, 'data');
    const options = {
      signal: stop.signal,
      config: { ...broker, dataDir, drainTimeout: 10_000, logLevel: 'error' as const },
    };
    const program = openStore(fleet, 'notes', options);
    const workers = runWorkers(fleet, ['copier', 'idle', 'journal'], options);
    const outside = createRabbitBroker({ url: broker.amqpUrl, connectionName: 'outside', logger: silentLogger() });
    const publisher = createPublisher({
      broker: outside,
      catalogue: notes,
      source: 'intruder',
      prefix: broker.prefix,
    });
    try {
      const { store } = await program.ready;
      await workers.ready;
      for (let n = 0; n < NOTES; n++) {
        const context = originContext({ source: store.service, subject: `note/${n}` });
        await store.append(`note/${n}`, 'none', [notes.create('note.written', { n }, context)]);
      }
      const context = originContext({ source: store.service, subject: 'note/lost' });
      await store.append('note/lost', 'none', [notes.create('note.lost', { n: 0 }, context)]);
      await publisher.publish('note.written', { n: -1 }, { subject: 'note/foreign' });
      const journal = await openSqliteStore({ service: 'journal', path: join(dataDir, 'journal.db') });
      try {
        await eventually('the journal has all events', async () => {
          const { seen } = await seenCounts(journal);
          expect(
            seen.reduce((sum, { count }) => sum + count, 0),
            JSON.stringify(seen),
          ).to.equal(expected);
          return true;
        });
        await eventually('the projection has read all notes', () => projected >= NOTES);
      } finally {
        await journal.close();
      }
    } finally {
      await publisher.close();
      await outside.close();
      stop.abort(new Error('the test ends'));
      await Promise.all([program, workers]);
    }
  }

  it('has each message that was handled once, undeclared types and foreign sources', async () => {
    const started = Date.now();
    await run(2 * NOTES + 2);
    const elapsed = Date.now() - started;
    const env = { ...process.env, DATA_DIR: join(folder, 'data') };
    const show = (...args: string[]) =>
      runCommand({ modules: [flowCommand], fleet, env, cwd: folder }, ['flow', '--observed', ...args]);
    const { code, out, said } = await show('--json');
    expect([code, said]).to.deep.equal([0, '']);
    const { emits, reads } = (JSON.parse(out) as { observed: ObservedFlow }).observed;
    const seen = emits.filter(({ count }) => count !== 0);
    expect(
      seen.map(({ source, type, emitters, isForeign, count }) => [source, type, emitters, isForeign, count]),
    ).to.deep.equal([
      ['copier', 'note.copied', ['worker:copier'], false, NOTES],
      ['notes', 'note.lost', [], false, 1],
      ['intruder', 'note.written', [], true, 1],
      ['notes', 'note.written', ['api:api'], false, NOTES],
    ]);
    expect(
      reads.map(({ source, type, reader, isDeclared, count }) => [source, type, reader, isDeclared, count]),
    ).to.deep.equal([
      // a worker refuses the event of the intruder
      ['copier', 'note.copied', 'projection:list', true, NOTES],
      ['copier', 'note.copied', 'worker:idle', true, 0], // received and ignored
      ['notes', 'note.written', 'worker:copier', true, NOTES],
    ]);
    for (const { count, p50, p95 } of reads) {
      if (count === 0) continue;
      expect(p50).to.be.within(0, p95 ?? 0);
      expect(p95).to.be.within(0, 2 * elapsed); // a bucket is as long as its beginning
    }
    const table = (await show()).out;
    expect(table).to.match(/^message\.dead_lettered +ops +keeper:keeper +0 +0 +never seen$/m);
    expect(table).to.match(/^note\.lost +notes +1 .* not declared$/m);
    expect(table).to.match(/^note\.written +intruder +1 .* not declared, foreign source$/m);
    expect(table).to.match(/^note\.copied +copier +worker:idle +0 +0 +never seen$/m);
  });
});
