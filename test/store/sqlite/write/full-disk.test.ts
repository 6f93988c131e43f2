import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Store } from '../../../../src/store/store.js';
import { codeOf, eventOf } from '../../../contract/store-events.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

const large = 'x'.repeat(3_000);

/** Appends groups until one fails; returns the acknowledged streams, the rejected ones, and the error codes. */
async function fill(store: Store) {
  const acknowledged: string[] = [];
  const refused: string[] = [];
  const codes = new Set<unknown>();
  for (let group = 0; codes.size === 0; group++) {
    const streams = Array.from({ length: 20 }, (_, n) => `fill/${group}-${n}`);
    await Promise.all(
      streams.map(async (stream) => {
        const code = await codeOf(store.append(stream, 'none', [eventOf(stream, { data: large })]));
        if (code === 'resolved') acknowledged.push(stream);
        else refused.push(stream);
        if (code !== 'resolved') codes.add(code);
      }),
    );
  }
  return { acknowledged, refused, codes: [...codes] };
}

async function streamsIn(store: Store): Promise<string[]> {
  return (await store.readAll(0, 100_000)).map(({ stream }) => stream);
}

describe('a SQLite store whose disk is full', () => {
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('rejects with store.full, keeps only acknowledged appends, and accepts appends when space is free', async () => {
    const store = await temp.open({ limits: { maxPages: 120 } });
    const { acknowledged, refused, codes } = await fill(store);
    expect(codes).to.include('store.full');
    expect(['store.full', 'store.group_aborted']).to.include.members(codes);
    expect(await streamsIn(store)).to.have.members(acknowledged);
    const roomy = await temp.open();
    for (const stream of refused) await roomy.append(stream, 'none', [eventOf(stream)]);
    expect(await streamsIn(roomy)).to.have.members([...acknowledged, ...refused]);
  });

  it('commits nothing of work that catches the failure and continues to write', async () => {
    const store = await temp.open({ limits: { maxPages: 120 } });
    await store.migrate('test', [{ name: 'notes', sql: 'CREATE TABLE notes (text TEXT NOT NULL)' }]);
    const codes = await Promise.all([
      codeOf(store.append('x/1', 'none', [eventOf('x/1')])),
      codeOf(
        store.transaction(async (tx) => {
          await codeOf(tx.sql`INSERT INTO notes (text) VALUES (${'x'.repeat(1_000_000)})`);
          await codeOf(tx.sql`INSERT INTO notes (text) VALUES ('small')`);
        }),
      ),
      codeOf(store.append('x/2', 'none', [eventOf('x/2')])),
    ]);
    expect(codes).to.deep.equal(['store.group_aborted', 'store.full', 'store.group_aborted']);
    expect(await store.query`SELECT text FROM notes`).to.deep.equal([]);
    expect(await streamsIn(store)).to.deep.equal([]);
  });

  it('recovers from a full file system without being reopened', async function () {
    const disk = join(temp.folder, 'disk');
    await mkdir(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk]).status !== 0) this.skip();
    try {
      const filler = join(disk, 'filler');
      await writeFile(filler, Buffer.alloc(1_000_000));
      const store = await temp.open({ path: join(disk, 'core.db') });
      const { acknowledged, refused, codes } = await fill(store);
      expect(['store.full', 'store.group_aborted']).to.include.members(codes);
      expect(await streamsIn(store)).to.have.members(acknowledged);
      await rm(filler);
      for (const stream of refused) await store.append(stream, 'none', [eventOf(stream)]);
      expect(await streamsIn(store)).to.have.members([...acknowledged, ...refused]);
      await store.close();
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});
