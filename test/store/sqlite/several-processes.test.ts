import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { killAmidCommits } from '../../chaos/scenarios/killed-store.js';
import { createTempStore, type TempStore } from '../support/temp-store.js';
import { seed } from '../../support/seed.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url));

describe('a SQLite store shared by processes', function () {
  this.timeout(120_000);
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('accepts exactly one of two appends with the same expected version from two processes', async () => {
    const streams = 300;
    const children = [1, 2].map(() => fork(fixture('contend'), [temp.path, String(streams)]));
    await Promise.all(children.map((child) => once(child, 'message')));
    const won = (
      await Promise.all(
        children.map(async (child) => {
          child.send('go');
          const [streamsWon] = (await once(child, 'message')) as [string[]];
          await once(child, 'exit');
          return streamsWon;
        }),
      )
    ).flat();
    expect(won).to.have.length(streams);
    expect(new Set(won).size).to.equal(streams);
    const store = await temp.open();
    expect((await store.readAll(0)).map(({ version }) => version)).to.deep.equal(
      Array.from({ length: streams }, () => 1),
    );
  });

  it(`has every acknowledged event, whole batches and no gaps after kill -9 during commits (TEST_SEED=${seed})`, async () => {
    expect(await killAmidCommits({ seed, kills: 16 })).to.be.greaterThan(16);
  });

  it('syncs every commit to disk before it is acknowledged', async function () {
    if (spawnSync('strace', ['-V']).error !== undefined) this.skip();
    const trace = ['-f', '-e', 'trace=fdatasync,fsync,write', '--', process.execPath, ...process.execArgv];
    const child = spawn('strace', [...trace, fixture('append-batches'), temp.path, '1', '40']);
    child.stdout.resume();
    let acknowledged = 0;
    let unsynced = 0;
    let synced = false;
    for await (const line of createInterface(child.stderr)) {
      if (/f(data)?sync(\(\d+\)| resumed>.*) += 0/.test(line)) synced = true;
      if (!/write\(1, "[0-9a-f]{8}-/.test(line)) continue;
      acknowledged += 1;
      if (!synced) unsynced += 1;
      synced = false;
    }
    expect(acknowledged).to.equal(40);
    expect(unsynced).to.equal(0);
  });
});
