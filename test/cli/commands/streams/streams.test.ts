import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as streams from '../../../../src/cli/commands/streams/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { openSqliteStore } from '../../../../src/store/sqlite/index.js';
import { eventOf } from '../../../contract/store-events.js';
import { runCommand } from '../../../support/command.js';
import { shop } from '../../../support/shop.js';

const fleet = defineFleet({
  catalogue: shop,
  workers: [shop.defineWorker({ name: 'jobs', on: { 'job.requested': () => undefined } })],
  api: { store: 'core', routes: [] },
});

describe('flotilla streams', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-streams-'));
    const store = await openSqliteStore({ service: 'core', path: join(folder, 'core.db') });
    await store.append(
      'account/1',
      'none',
      Array.from({ length: 10 }, () => eventOf('account/1')),
    );
    const lease = await store.acquireLease('relay', 'test', 1000);
    if (lease !== undefined) await store.moveLeasedCheckpoint(lease, 0, 10); // every event is published
    await store.close();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    runCommand({ modules: [streams], fleet, env: { DATA_DIR: folder }, cwd: folder }, ['streams', ...args]);

  it('archives events past their retention, and still shows the whole stream', async () => {
    expect((await run('retain', 'account/1', '--keep', '3')).out).to.contain('all but the newest 3');
    expect(JSON.parse((await run('archive', '--json')).out)).to.deep.equal({ moved: 7 });
    const shown = JSON.parse((await run('show', 'account/1', '--json')).out);
    expect(shown).to.include({ version: 10, archivedThrough: 7 });
    expect(shown.metadata).to.deep.equal({ retention: { keep: 3 } });
    expect((await run('retain', 'account/1', '--none')).out).to.contain('all events stay');
  });

  it('archives up to a given version, but never the last event', async () => {
    expect((await run('archive', 'account/1', '--through', '4')).out).to.equal('Moved 4: archived up to version 4.\n');
    expect((await run('archive', 'account/1', '--through', '99')).out).to.equal('Moved 5: archived up to version 9.\n');
  });

  it('exits with 2 on wrong usage and prints the reason', async () => {
    for (const args of [
      ['retain', 'account/1'],
      ['retain', 'account/1', '--keep', '3', '--none'],
      ['retain', 'account/1', '--keep', '3', '--older-than', 'soon'],
      ['archive', 'account/1'],
      ['archive', '--through', '3'],
    ]) {
      expect((await run(...args)).code, args.join(' ')).to.equal(2);
    }
  });
});
