import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { makePrivate } from '../../../src/supervisor/data-directory/data-files.js';
import { lockData } from '../../../src/supervisor/data-directory/data-lock.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The permissions of group and others on a file or folder and everything below it. */
function readable(path: string): string[] {
  const stats = lstatSync(path);
  const below = stats.isDirectory() ? readdirSync(path).flatMap((name) => readable(join(path, name))) : [];
  return (stats.mode & 0o077) === 0 ? below : [`${(stats.mode & 0o777).toString(8)} ${path}`, ...below];
}

describe('the files of a fleet', () => {
  let parent: string;
  let dataDir: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'flotilla-private-'));
    dataDir = join(parent, 'data');
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it('are private to their owner for a store with its log, with any umask', async () => {
    const umask = process.umask(0);
    try {
      const store = await openSqliteStore({ service: 'core', path: join(dataDir, 'sub', 'core.db') });
      expect(readdirSync(join(dataDir, 'sub')).sort()).to.deep.equal([
        'core.db',
        'core.db-news',
        'core.db-shm',
        'core.db-wal',
      ]);
      expect(readable(dataDir)).to.deep.equal([]);
      await store.close();
    } finally {
      process.umask(umask);
    }
  });

  it('become private when an earlier release left a store readable', async () => {
    const path = join(dataDir, 'core.db');
    const first = await openSqliteStore({ service: 'core', path });
    for (const ending of ['', '-wal', '-shm']) chmodSync(`${path}${ending}`, 0o664);
    const second = await openSqliteStore({ service: 'core', path });
    expect(readable(dataDir)).to.deep.equal([]);
    await Promise.all([first.close(), second.close()]);
  });

  it('become private when a directory is locked, except files of other programs', () => {
    const files = [
      'fleet.json',
      'run/api-1.json',
      'stores/core.json',
      'core.db',
      'core.db-wal',
      'sandbox/sandbox.db',
      'rabbitmq/.erlang.cookie',
      'rabbitmq/mnesia/flotilla@localhost/a/b',
      'rabbitmq/log/rabbit.log',
      '.in-use',
    ];
    for (const name of [...files, 'notes.txt']) {
      mkdirSync(join(dataDir, name, '..'), { recursive: true });
      writeFileSync(join(dataDir, name), '');
    }
    const umaskLeft = readable(dataDir);
    expect(umaskLeft.length).to.be.above(files.length);
    lockData(dataDir, 'supervisor', 'exclusive')?.release();
    expect(readable(dataDir).map((found) => found.slice(4))).to.deep.equal([dataDir, join(dataDir, 'notes.txt')]);
  });

  it('are in a directory that becomes private as well, unless it contains files of other programs', () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o755 });
    makePrivate(dataDir, { broker: true });
    expect(readable(dataDir)).to.deep.equal([]);
  });

  it('are created private by a command-line process, with any umask', async () => {
    const umask = process.umask(0);
    const child = fork(join(root, 'bin/flotilla'), ['sandbox'], {
      execArgv: [],
      cwd: root,
      env: { ...process.env, DATA_DIR: dataDir, SANDBOX_PORT: '0', SANDBOX_SMTP_PORT: '0', LOG_LEVEL: 'error' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    process.umask(umask);
    try {
      await once(child, 'message');
      expect(readdirSync(join(dataDir, 'sandbox'))).to.include('sandbox.db-wal');
      expect(readable(dataDir)).to.deep.equal([]);
    } finally {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
  });
});
