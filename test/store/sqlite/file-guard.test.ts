import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import type { FlotillaError } from '../../../src/errors.js';
import { codeOf, eventOf } from '../../contract/store-events.js';
import { eventually } from '../../support/eventually.js';
import { createTempStore, type TempStore } from '../support/temp-store.js';

const appendBatches = fileURLToPath(new URL('../fixtures/append-batches.ts', import.meta.url));
const FILES = ['', '-wal', '-shm'];

describe('a SQLite store whose files are changed while it is open', function () {
  this.timeout(120_000);
  let temp: TempStore;
  let failures: FlotillaError[];
  beforeEach(async () => {
    temp = await createTempStore();
    failures = [];
  });
  afterEach(() => temp.dispose());

  const open = async () => {
    const store = await temp.open({ onFailure: (error) => void failures.push(error) });
    await store.append('a/1', 'none', [eventOf('a/1')]);
    return store;
  };
  const replace = (file: string) => {
    copyFileSync(file, `${file}.copy`);
    renameSync(`${file}.copy`, file);
  };

  for (const suffix of FILES) {
    for (const [how, change] of [
      ['removed', rmSync],
      ['replaced', replace],
    ] as const) {
      it(`acknowledges nothing after core.db${suffix} was ${how}, and reports the file`, async () => {
        const store = await open();
        change(`${temp.path}${suffix}`);
        expect(await codeOf(store.append('a/2', 'none', [eventOf('a/2')]))).to.equal('store.moved');
        expect(await codeOf(store.append('a/3', 'none', [eventOf('a/3')]))).to.equal('store.moved');
        expect(await codeOf(store.readAll(0))).to.equal('store.moved');
        expect(failures.map(({ message }) => message)).to.have.length(1);
        expect(failures[0]?.message).to.contain(`${temp.path}${suffix} was ${how}`);
        expect(failures[0]?.disposal).to.equal('fatal');
      });
    }
  }

  it('detects a removed file without a commit', async () => {
    const store = await open();
    rmSync(temp.path);
    await eventually(() => failures.length === 1);
    expect(await codeOf(store.head())).to.equal('store.moved');
  });

  it('continues while another process opens and closes the same store', async () => {
    const store = await open();
    const child = fork(appendBatches, [temp.path, '2', '10'], { silent: true });
    child.stdout?.resume();
    await once(child, 'exit');
    await store.append('a/2', 'none', [eventOf('a/2')]);
    expect(failures).to.deep.equal([]);
    expect(await store.head()).to.be.greaterThan(30);
  });

  it('keeps everything that another process acknowledged in the moved file', async () => {
    const child = fork(appendBatches, [temp.path], { silent: true });
    child.stderr?.resume();
    const acknowledged: string[] = [];
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    lines.on('line', (line) => void acknowledged.push(line));
    const ended = once(child, 'exit');
    await eventually(() => acknowledged.length > 20);
    const away = `${temp.path}.away`;
    for (const suffix of FILES) renameSync(`${temp.path}${suffix}`, `${away}${suffix}`);
    const [code] = (await ended) as [number];
    expect(code).not.to.equal(0);
    expect(existsSync(temp.path)).to.equal(false);
    const store = await temp.open({ path: away });
    const stored = new Set((await store.readAll(0, 1_000_000)).map(({ stream }) => stream));
    expect(acknowledged.filter((batch) => !stored.has(batch))).to.deep.equal([]);
  });

  it('reports store.damaged when its file is truncated', async () => {
    const emptied = await open();
    truncateSync(temp.path, 0);
    expect(await codeOf(emptied.append('a/2', 'none', [eventOf('a/2')]))).to.equal('store.damaged');
    expect(failures[0]?.message).to.contain(temp.path);
  });

  it('reports store.damaged when an overwritten page is read', async () => {
    const store = await open();
    for (let n = 0; n < 200; n++) await store.append('b/1', 'any', [eventOf('b/1', { data: 'x'.repeat(2_000) })]);
    const checkpoint = new Database(temp.path);
    checkpoint.pragma('wal_checkpoint(TRUNCATE)');
    checkpoint.close();
    const size = readFileSync(temp.path).length;
    writeFileSync(temp.path, Buffer.alloc(size - 4096, 0xff), { flag: 'r+', flush: true });
    const reader = await codeOf(temp.open().then((other) => other.readAll(0, 1_000)));
    expect(reader).to.equal('store.damaged');
  });
});

describe('a SQLite file that is not a store', () => {
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  const refusal = (options: { mustExist?: boolean } = {}) =>
    temp.open(options).then(
      () => 'opened',
      (error: FlotillaError) => `${error.code} ${error.disposal} ${error.message}`,
    );

  it('is rejected with store.damaged and its path if it is text, truncated, or empty where a store existed', async () => {
    writeFileSync(temp.path, 'no database, but long enough to be one'.repeat(100));
    expect(await refusal()).to.match(/^store\.damaged fatal .*core\.db: /);
    rmSync(temp.path);

    const whole = await temp.open();
    for (let n = 0; n < 100; n++) await whole.append('b/1', 'any', [eventOf('b/1', { data: 'x'.repeat(2_000) })]);
    await whole.close();
    truncateSync(temp.path, 20_480);
    expect(await refusal()).to.match(/^store\.damaged fatal .*core\.db: /);

    truncateSync(temp.path, 0);
    expect(await refusal({ mustExist: true })).to.match(/^store\.damaged fatal .*core\.db: it is empty/);
  });
});
