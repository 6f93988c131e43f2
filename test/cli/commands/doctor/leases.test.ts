import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { baseCatalogue, catalogue } from 'flotilla';
import * as doctor from '../../../../src/cli/commands/doctor/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { readLeases } from '../../../../src/store/sqlite/read/read-leases.js';
import { runCommand } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';
import { eventually } from '../../../support/eventually.js';

const RUNBOOK = 'see "Lease without a holder" in docs/operations/runbook.md';

describe('flotilla doctor and leases', function () {
  this.timeout(60_000);
  let place: FleetPlace;
  let ops: string;
  let keeper: ChildProcess | undefined;
  beforeEach(async () => {
    place = await openFleetPlace();
    ops = join(place.folder, 'ops.db');
  });
  afterEach(async () => {
    await end('SIGKILL');
    await place.remove();
  });

  async function startKeeper(): Promise<string> {
    const { folder, amqpUrl, managementUrl, prefix } = place;
    keeper = fork(new URL('./fixtures/keeper-process.ts', import.meta.url), [folder, amqpUrl, managementUrl, prefix]);
    await once(keeper, 'message');
    await eventually(() => readLeases(ops)[0]?.holder !== undefined);
    return `keeper@${String(readLeases(ops)[0]?.holder.split('@')[1])}`;
  }

  async function end(how: 'SIGKILL' | 'disconnect'): Promise<void> {
    if (keeper === undefined) return;
    const ended = once(keeper, 'exit');
    if (how === 'disconnect') keeper.disconnect();
    else keeper.kill(how);
    await ended;
    keeper = undefined;
  }

  const leases = async () => {
    const fleet = defineFleet({ catalogue: catalogue(baseCatalogue, {}), workers: [] });
    const { out } = await runCommand({ modules: [doctor], fleet, env: place.env, cwd: place.folder }, ['doctor']);
    return out.split('\n').filter((line) => line.slice(5).startsWith('leases '));
  };
  const sql = (text: string, ...values: unknown[]) => {
    const db = new Database(ops, { timeout: 500 });
    try {
      db.prepare(text).run(...values);
    } finally {
      db.close();
    }
  };
  /** Stops the keeper and changes its store. A keeper that was stopped inside a transaction has the lock of the store: it
   *  continues, and is stopped again. */
  const stopAndChange = (text: string, ...values: unknown[]) =>
    eventually('the store is changed', () => {
      keeper?.kill('SIGSTOP');
      try {
        sql(text, ...values);
        return true;
      } catch (error) {
        if (!(error instanceof Database.SqliteError && error.code === 'SQLITE_BUSY')) throw error;
        keeper?.kill('SIGCONT');
        return false;
      }
    });

  it('counts held leases, and reports none after a regular end; creates and changes no file of a store', async () => {
    await startKeeper();
    expect(await leases()).to.deep.equal(['ok   leases         1 held']);
    await end('disconnect');
    const content = await readFile(ops);
    const files = await readdir(place.folder);
    expect(await leases()).to.deep.equal(['ok   leases         none held: no process of the fleet runs here']);
    expect(await readdir(place.folder)).to.deep.equal(files);
    expect((await readFile(ops)).equals(content)).to.equal(true);
    expect(readLeases(ops)[0]).to.include({ name: 'relay', holder: '' });
  });

  it('reports the holder that was killed, the age of the lease, and what to do', async () => {
    const holder = await startKeeper();
    await end('SIGKILL');
    const remedy = `no process of ops runs here: start it; ${RUNBOOK}`;
    const [first, ...others] = await leases();
    expect(others).to.deep.equal([]);
    expect(first)
      .to.match(/^WARN leases +ops: the holder of the lease relay, .* has ended; its lease lasts another \ds; /)
      .and.include(`, ${holder}, `)
      .and.include(remedy);

    const hourAgo = Date.now() - 3_605_000;
    sql('UPDATE flotilla_leases SET expires = ttl + ?', hourAgo);
    expect(await leases()).to.deep.equal([
      `WARN leases         ops: no process has held the lease relay for 60m; its last holder, ${holder}, has ended; ${remedy}`,
    ]);
    expect(readLeases(ops)[0]).to.include({ holder, expires: hourAgo + 5_000 });
  });

  it('reports a holder that does not renew its lease, as a stopped process', async () => {
    const holder = await startKeeper();
    await stopAndChange('UPDATE flotilla_leases SET expires = ttl + ?', Date.now() - 44_000);
    const [line] = await leases();
    expect(line)
      .to.match(/^WARN leases +ops: no process has held the lease relay for 4\d s; /)
      .and.include(`; its last holder, ${holder}, does not renew it; ${RUNBOOK}`);
  });

  it('reports a lease that no process holds although one that competes for it runs', async () => {
    await startKeeper();
    await stopAndChange('DELETE FROM flotilla_leases');
    expect(await leases()).to.deep.equal([
      `WARN leases         ops: no process holds the lease relay, although its process runs here; ${RUNBOOK}`,
    ]);
  });

  it('reports a lease that another program has written, which no process can take', async () => {
    await startKeeper();
    await stopAndChange(
      "UPDATE flotilla_leases SET holder = 'intruder', ttl = 86400000, expires = ?",
      Date.now() + 86_000_000,
    );
    const [line, ...others] = await leases();
    expect(others).to.deep.equal([]);
    expect(line)
      .to.match(/^WARN leases +ops: the lease relay was written by another program: holder intruder, for another 23h; /)
      .and.include(RUNBOOK);
  });
});
