import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { createTempStore, type TempStore } from './temp-store.js';

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));

describe('a SQLite store and its processes', function () {
  this.timeout(120_000);
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('lets exactly one of two processes that expect the same version append', async () => {
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

  it('has every acknowledged event, whole batches only and rising positions, after kill -9 amid commits', async () => {
    const acknowledged = new Set<string>();
    for (let round = 0; round < 24; round++) await appendUntilKilled(temp.path, acknowledged, 1 + Math.random() * 200);
    const store = await temp.open();
    const sizes = new Map<string, number>();
    let position = 0;
    for (let page = await store.readAll(0); page.length > 0; page = await store.readAll(position)) {
      for (const event of page) {
        expect(event.position).to.be.greaterThan(position);
        position = event.position;
        sizes.set(event.stream, (sizes.get(event.stream) ?? 0) + 1);
      }
    }
    expect([...acknowledged].filter((batch) => sizes.get(batch) !== 3)).to.deep.equal([]);
    expect([...sizes.values()].filter((size) => size !== 3)).to.deep.equal([]);
    expect(acknowledged.size).to.be.greaterThan(24);
    const file = new Database(temp.path, { readonly: true });
    expect(file.pragma('integrity_check', { simple: true })).to.equal('ok');
    file.close();
  });

  it('has the disk sync every commit before it is acknowledged', async function () {
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

async function appendUntilKilled(path: string, acknowledged: Set<string>, after: number): Promise<void> {
  const child: ChildProcess = fork(fixture('append-batches'), [path], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  if (child.stdout === null) throw new Error('no output');
  let seen = 0;
  for await (const line of createInterface(child.stdout)) {
    // a line cut off by the kill is no acknowledgement
    if (line.length === 36) acknowledged.add(line);
    seen += 1;
    if (seen >= after) child.kill('SIGKILL');
  }
}
