import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { visitStoredBodies, type StoredBody } from '../../../../src/store/sqlite/read/stored-bodies.js';
import type { Store } from '../../../../src/store/store.js';
import { eventOf } from '../../../contract/store-events.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

const { signal } = new AbortController();
const archiveStream = fileURLToPath(new URL('../../fixtures/archive-stream.ts', import.meta.url));

const events = (stream: string, count: number) => Array.from({ length: count }, () => eventOf(stream));

/** Appends events to a stream, and moves the checkpoint of the relay past them, so that they may be archived. */
async function filled(store: Store, stream: string, count: number): Promise<void> {
  await store.append(stream, 'none', events(stream, count));
  const at = await store.checkpoint('relay');
  const head = await store.head();
  await store.transaction(async (tx) => void (await tx.moveCheckpoint('relay', at, head)));
}

type Visited = Pick<StoredBody, 'from' | 'body'> & ReturnType<StoredBody['about']>;

async function visited(path: string): Promise<Visited[]> {
  const found: Visited[] = [];
  await visitStoredBodies(path, signal, ({ from, body, about }) => found.push({ from, body, ...about() }));
  return found;
}

const idIn = ({ body }: Pick<StoredBody, 'body'>) => (JSON.parse(body) as { id: string }).id;

describe('the bodies in the file of a store', function () {
  this.timeout(60_000);
  let temp: TempStore;
  beforeEach(async () => (temp = await createTempStore()));
  afterEach(() => temp.dispose());

  it('are visited once each, those of the archive and of timers included', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 2_500);
    await filled(store, 'b/1', 2_500);
    await store.archive('a/1', 2_000);
    await store.archive('b/1', 10);
    const timed = eventOf('a/1');
    await store.transaction((tx) => tx.schedule({ id: 'later', dueAt: 5_000, event: timed }));
    const found = await visited(temp.path);
    const stored = found.filter(({ from }) => from !== 'timer');
    expect(stored.filter(({ from }) => from === 'archive')).to.have.length(2_010);
    const all: string[] = [];
    for (
      let page = await store.readAll(0, 5_000);
      page.length > 0;
      page = await store.readAll(page.at(-1)?.position ?? 0)
    ) {
      all.push(...page.map(({ id }) => id));
    }
    expect(stored.map(idIn).sort()).to.deep.equal(all.sort());
    expect(stored.map(({ id }) => id)).to.deep.equal(stored.map(idIn));
    const [timer] = found.filter(({ from }) => from === 'timer');
    expect(timer && idIn(timer)).to.equal(timed.id);
    expect(timer).to.include({ id: 'later', time: '1970-01-01T00:00:05.000Z' });
  });

  it('are visited once each while events are archived', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 5_000);
    const found: string[] = [];
    let archiving: Promise<unknown> | undefined;
    await visitStoredBodies(temp.path, signal, (stored) => {
      found.push(idIn(stored));
      // moves events that were visited and events that were not
      if (found.length === 1_500) archiving = store.archive('a/1', 4_900);
    });
    expect(archiving).to.not.equal(undefined);
    await archiving;
    expect(found).to.have.length(5_000);
    expect(new Set(found).size).to.equal(5_000);
  });

  it('are visited once each if a process was killed after it had copied events to the archive', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 700);
    const child = fork(archiveStream, [temp.path, 'a/1', '690', 'store.archive_copied:1']);
    expect(await once(child, 'exit')).to.deep.equal([null, 'SIGKILL']);
    const archive = new Database(`${temp.folder}/core.archive.db`, { readonly: true });
    expect(archive.prepare('SELECT COUNT(*) FROM flotilla_events').pluck().get()).to.equal(250);
    archive.close();
    const found = await visited(temp.path);
    expect(found.map(({ from }) => from)).to.deep.equal(Array.from({ length: 700 }, () => 'store'));
  });

  it('are read beside a process that holds the write lock, which may commit meanwhile', async () => {
    const store = await temp.open();
    await store.append('a/1', 'none', events('a/1', 3_000));
    const other = new Database(temp.path);
    let commits = 0;
    other.exec('BEGIN IMMEDIATE');
    await visitStoredBodies(temp.path, signal, () => {
      if (++commits % 1_000 > 0) return;
      other.exec(`UPDATE flotilla_checkpoints SET position = position; COMMIT; BEGIN IMMEDIATE`);
    });
    other.exec('COMMIT');
    other.close();
    expect(commits).to.equal(3_000);
  });

  it('leave the files of a closed store as they were', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 100);
    await store.archive('a/1', 50);
    await store.close();
    const digests = async () => {
      const names = (await readdir(temp.folder)).sort();
      const contents = await Promise.all(names.map((name) => readFile(`${temp.folder}/${name}`)));
      return names.map((name, n) => [
        name,
        createHash('sha256')
          .update(contents[n] ?? '')
          .digest('hex'),
      ]);
    };
    const before = await digests();
    expect(await visited(temp.path)).to.have.length(100);
    expect(await digests()).to.deep.equal(before);
  });

  it('are refused where the archive is missing or an older copy', async () => {
    const store = await temp.open();
    const archive = `${temp.folder}/core.archive.db`;
    await filled(store, 'a/1', 100);
    await store.archive('a/1', 50);
    await store.close();
    expect(existsSync(archive)).to.equal(true);
    await rename(archive, `${archive}.away`);
    const failure = await visited(temp.path).catch((error: unknown) => error);
    expect(failure).to.include({ code: 'store.archive_missing' });
  });
});
