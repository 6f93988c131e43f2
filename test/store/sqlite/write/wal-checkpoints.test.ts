import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { CheckpointThread } from '../../../../src/store/sqlite/write/checkpoint-thread.js';
import { WalCheckpoints } from '../../../../src/store/sqlite/write/wal-checkpoints.js';
import { eventOf } from '../../../contract/store-events.js';
import { eventually } from '../../../support/eventually.js';
import { recordingLogger } from '../../../support/recording-logger.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

interface Pages {
  log: number;
  checkpointed: number;
}

describe('the checkpoints of a write-ahead log', () => {
  let now: number;
  let pages: Pages;
  let looks: number;
  let runs: ((failure?: string) => void)[];
  let inline: number;
  let closed: number;
  let failedSyncs: string[];
  let lines: ReturnType<typeof recordingLogger>['lines'];
  let checkpoints: WalCheckpoints;
  beforeEach(() => {
    [now, looks, runs, inline, closed, failedSyncs] = [0, 0, [], 0, 0, []];
    pages = { log: 0, checkpointed: 0 };
    const recording = recordingLogger();
    ({ lines } = recording);
    checkpoints = new WalCheckpoints({
      pages() {
        looks += 1;
        return pages;
      },
      checkpoint: () => (inline += 1),
      thread: {
        checkpoint: () => new Promise((resolve) => void runs.push(resolve)),
        close() {
          closed += 1;
          return Promise.resolve();
        },
      },
      onSyncFailed: (code) => void failedSyncs.push(code),
      logger: recording.logger,
      now: () => now,
    });
  });

  const settle = () => new Promise(setImmediate);
  /** The first checkpoint is rare and needs no thread. */
  const begin = () => {
    commitAt(20, { log: 1_000, checkpointed: 0 });
    expect(inline).to.equal(1);
  };
  const commitAt = (time: number, found: Pages) => {
    now = time;
    pages = found;
    checkpoints.committed();
  };

  it('begin when 1000 pages are not in the database, one at a time', async () => {
    commitAt(0, { log: 999, checkpointed: 0 });
    expect(inline).to.equal(0);
    begin();
    commitAt(40, { log: 1_500, checkpointed: 501 });
    expect(runs).to.have.length(0);
    commitAt(60, { log: 1_501, checkpointed: 501 });
    commitAt(80, { log: 3_000, checkpointed: 501 });
    expect(runs).to.have.length(1);
    runs[0]?.();
    await settle();
    commitAt(100, { log: 3_000, checkpointed: 1_501 });
    expect(runs).to.have.length(2);
  });

  it('that are more than 10 s apart need no thread, and end it', async () => {
    begin();
    commitAt(5_000, { log: 1_000, checkpointed: 0 });
    runs[0]?.();
    await settle();
    const before = closed;
    commitAt(15_001, { log: 1_000, checkpointed: 0 });
    expect([inline, runs.length, closed - before]).to.deep.equal([2, 1, 1]);
  });

  it('need one look at the log within 20 ms', () => {
    for (let time = 0; time < 100; time += 1) commitAt(time, { log: 10, checkpointed: 0 });
    expect(looks).to.equal(5);
  });

  it('of a long log let the next transaction wait until all pages are copied', async () => {
    begin();
    commitAt(40, { log: 9_999, checkpointed: 9_998 });
    expect(checkpoints.room()).to.equal(undefined);
    commitAt(60, { log: 10_000, checkpointed: 9_000 });
    let mayBegin = false;
    const room = checkpoints.room()?.then(() => (mayBegin = true));
    runs[0]?.(); // began before the last commits
    await settle();
    expect([runs.length, mayBegin]).to.deep.equal([2, false]);
    runs[1]?.();
    await room;
    expect(checkpoints.room()).to.equal(undefined);
  });

  it('are logged once when they fail and once when they succeed again, and repeated after a second', async () => {
    begin();
    for (const [index, time] of [40, 1_040].entries()) {
      commitAt(time, { log: 1_000, checkpointed: 0 });
      runs[index]?.('SQLITE_FULL');
      await settle();
      commitAt(time + 999, { log: 1_000, checkpointed: 0 });
      expect(runs).to.have.length(index + 1);
    }
    expect(lines.map(({ level, error }) => [level, error])).to.deep.equal([['warn', 'SQLITE_FULL']]);
    commitAt(2_040, { log: 1_000, checkpointed: 0 });
    runs[2]?.();
    await settle();
    expect(lines[1]).to.deep.equal({ level: 'warn', message: 'store: checkpoints succeed again', faultSeconds: 2 });
    expect(failedSyncs).to.deep.equal([]);
  });

  it('report a failed sync', async () => {
    begin();
    commitAt(40, { log: 1_000, checkpointed: 0 });
    runs[0]?.('SQLITE_IOERR_FSYNC');
    await settle();
    expect(failedSyncs).to.deep.equal(['SQLITE_IOERR_FSYNC']);
  });
});

describe('a thread of checkpoints', () => {
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('copies the log to the database, and ends when it is closed', async () => {
    const db = new Database(temp.path);
    db.pragma('journal_mode = WAL');
    db.exec('CREATE TABLE numbers (n)');
    const thread = new CheckpointThread(temp.path);
    expect(await thread.checkpoint()).to.equal(undefined);
    expect(db.prepare('PRAGMA wal_checkpoint(NOOP)').get()).to.include({ log: 2, checkpointed: 2 });
    await thread.close();
    db.close();
  });

  it('rejects when its connection cannot be opened, and starts again with the next call', async () => {
    const thread = new CheckpointThread(temp.path);
    const failed: unknown = await thread.checkpoint().catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(Error);
    new Database(temp.path).exec('CREATE TABLE numbers (n)').close();
    expect(await thread.checkpoint()).to.equal(undefined);
    await thread.close();
  });

  it('serves a store that appends continuously, so that its log does not grow', async () => {
    const store = await temp.open();
    const page = () =>
      Array.from({ length: 100 }, (_, n) => eventOf(`job/${n}`, { data: { text: 'x'.repeat(2_000) } }));
    for (let n = 0; n < 100; n += 1) await store.append(`job/${n}`, 'none', page());
    const db = new Database(temp.path);
    const pages = db.prepare<unknown[], Pages>('PRAGMA wal_checkpoint(NOOP)');
    await eventually('few pages are not in the database', async () => {
      await store.append(`job/last`, 'any', page().slice(0, 1));
      const { log, checkpointed } = pages.get() ?? { log: Infinity, checkpointed: 0 };
      return log - checkpointed < 1_000 && log < 20_000;
    });
    db.close();
  });

  it('finds its program in the bundled library', async () => {
    const library = fileURLToPath(new URL('../../../../dist/src', import.meta.url));
    const files = (await readdir(library, { recursive: true })).filter((file) => file.endsWith('.js'));
    const starting = files.filter((file) =>
      readFileSync(join(library, file), 'utf8').includes('new URL("./checkpoint-program.js"'),
    );
    expect(starting).to.have.length.above(0);
    new Database(temp.path).exec('CREATE TABLE numbers (n)').close();
    for (const file of starting) {
      const worker = new Worker(join(library, dirname(file), 'checkpoint-program.js'), { workerData: temp.path });
      worker.postMessage(true);
      expect(await once(worker, 'message')).to.deep.equal([undefined]);
      worker.postMessage(false);
      expect(await once(worker, 'exit')).to.deep.equal([0]);
    }
  });
});
