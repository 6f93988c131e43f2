import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import type { Store } from '../../../../src/store/store.js';
import { codeOf, eventOf } from '../../../contract/store-events.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

const archiveStream = fileURLToPath(new URL('../../fixtures/archive-stream.ts', import.meta.url));

/** Appends `count` events to a stream, and moves the checkpoint of the relay past them. */
async function filled(store: Store, stream: string, count: number): Promise<void> {
  await store.append(
    stream,
    'none',
    Array.from({ length: count }, () => eventOf(stream)),
  );
  await store.transaction(async (tx) => {
    await tx.moveCheckpoint('relay', await tx.checkpoint('relay'), await store.head());
  });
}

async function bodies(store: Store): Promise<string[]> {
  return (await store.readAll(0, 10_000)).map(({ position, body }) => `${position} ${body}`);
}

describe('the archive of a SQLite store', function () {
  this.timeout(60_000);
  let temp: TempStore;
  let archive: string;
  beforeEach(async () => {
    temp = await createTempStore();
    archive = `${temp.folder}/core.archive.db`;
  });
  afterEach(() => temp.dispose());

  it('is completed by a repetition after a kill -9 at any step', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 700);
    const before = await bodies(store);
    const steps = ['store.archive_copied:1', 'store.archived:1', 'store.archive_copied:1', 'store.archive_copied:2'];
    for (const step of steps) {
      const child = fork(archiveStream, [temp.path, 'a/1', '690', step]);
      expect(await once(child, 'exit')).to.deep.equal([null, 'SIGKILL']);
      expect(await bodies(store)).to.deep.equal(before);
      expect((await store.read('a/1')).map(({ version }) => version)).to.have.length(700);
    }
    const { moved, through } = await store.archive('a/1', 690);
    expect(through).to.equal(690);
    expect(moved).to.be.greaterThan(0).and.lessThan(690);
    expect(await bodies(store)).to.deep.equal(before);
    const file = new Database(archive, { readonly: true });
    expect(file.prepare('SELECT COUNT(*) FROM flotilla_events').pluck().get()).to.equal(690);
    file.close();
  });

  it('is not created for a store without archived events', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 3);
    await store.archive('a/1', 0);
    await store.readAll(0);
    expect(existsSync(archive)).to.equal(false);
  });

  it('is reported as missing by operations that need it, and by no others', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 5);
    const [first] = await store.readAll(0);
    await store.archive('a/1', 3);
    await store.close();
    await rename(archive, `${archive}.away`);
    const without = await temp.open();
    const needs = [
      () => without.readAll(0),
      () => without.read('a/1'),
      () => without.event(first?.id ?? ''),
      () => without.transaction((tx) => tx.read('a/1')),
      () => without.archive('a/1', 4),
    ];
    for (const need of needs) expect(await codeOf(need())).to.equal('store.archive_missing');
    expect(await without.readAll(3)).to.have.length(2);
    expect(await without.read('a/1', 3)).to.have.length(2);
    expect(await without.append('a/1', 5, [eventOf('a/1')])).to.include({ version: 6 });
    expect(await without.event('nobody')).to.equal(undefined);
    await rename(`${archive}.away`, archive);
    expect(await without.readAll(0)).to.have.length(6);
  });

  it('is reported as missing by operations that need events absent from an older copy', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 6);
    const ids = (await store.readAll(0)).map(({ id }) => id);
    await store.archive('a/1', 2);
    await store.close();
    await copyFile(archive, `${archive}.older`);
    const later = await temp.open();
    await later.archive('a/1', 4);
    await later.close();
    await rename(`${archive}.older`, archive);
    const without = await temp.open();
    const needs = [
      () => without.archive('a/1', 5), // first: further archived events must not hide the missing ones
      () => without.readAll(0),
      () => without.read('a/1'),
      () => without.event(ids[3] ?? ''),
    ];
    for (const need of needs) expect(await codeOf(need())).to.equal('store.archive_missing');
    expect(await without.readAll(4)).to.have.length(2);
    expect(await without.event(ids[0] ?? '')).to.include({ version: 1 });
  });

  it('stops at any step once its store is closed, and is not opened again', async () => {
    const store = await temp.open();
    for (let step = 0; step < 12; step++) {
      const stream = `a/${step}`;
      await filled(store, stream, 700);
      await store.setStreamMetadata(stream, { retention: { keep: 10 } });
      const closing = await temp.open();
      const ends = [closing.archive(stream, 690), closing.applyRetention(Date.now())].map(codeOf);
      for (let turn = 0; turn < step; turn++) await Promise.resolve();
      await closing.close();
      expect(await Promise.all(ends), `closed at step ${step}`).to.deep.equal(['store.closed', 'store.closed']);
    }
    // the last connection removes this file when it closes
    expect(existsSync(archive)).to.equal(true);
    expect(existsSync(`${archive}-wal`)).to.equal(false);
  });

  it('does not write to a file of another store, and deletes no event', async () => {
    const other = await createTempStore();
    const others = await other.open();
    await filled(others, 'b/1', 5);
    await others.archive('b/1', 4);
    await others.close();
    await copyFile(`${other.folder}/core.archive.db`, archive);
    await other.dispose();
    const store = await temp.open();
    await filled(store, 'a/1', 5);
    expect(await codeOf(store.archive('a/1', 4))).to.equal('store.archive_missing');
    const file = new Database(temp.path, { readonly: true });
    expect(file.prepare('SELECT COUNT(*) FROM flotilla_events').pluck().get()).to.equal(5);
    file.close();
  });

  it('is protected by triggers, which reject deletes of events that are not recorded as archived', async () => {
    const store = await temp.open();
    await filled(store, 'a/1', 5);
    await store.archive('a/1', 2);
    const file = new Database(temp.path);
    const refuses = (sql: string) => expect(() => file.exec(sql), sql).to.throw(/never deleted|stays so/);
    refuses('DELETE FROM flotilla_events');
    refuses('DELETE FROM flotilla_events WHERE version = 3');
    refuses('DELETE FROM flotilla_archived');
    refuses('UPDATE flotilla_archived SET through = 1');
    refuses('DELETE FROM flotilla_archived_ids');
    file.exec('UPDATE flotilla_archived SET through = 5');
    refuses('DELETE FROM flotilla_events WHERE version = 3');
    const kept = new Database(archive);
    expect(() => kept.exec('DELETE FROM flotilla_events')).to.throw('never deleted');
    expect(() => kept.exec("UPDATE flotilla_events SET body = ''")).to.throw('never changed');
    file.close();
    kept.close();
  });
});
