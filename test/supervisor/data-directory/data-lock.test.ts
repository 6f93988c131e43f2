import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { lockData } from '../../../src/supervisor/data-directory/data-lock.js';

const program = fileURLToPath(new URL('../support/lock-process.ts', import.meta.url));

describe('the lock of a data directory', () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'flotilla-lock-'))));
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Whether another process can acquire the lock. */
  const another = (kind: 'exclusive' | 'shared') =>
    execFileSync(process.execPath, [...process.execArgv, program, directory, kind]).toString();

  it('is held by one process until released', () => {
    const lock = lockData(directory, 'supervisor', 'exclusive');
    expect(another('exclusive')).to.equal('refused');
    lock?.release();
    expect(another('exclusive')).to.equal('locked');
  });

  it('is shared by processes that only use the directory, and excludes an exclusive lock', () => {
    const lock = lockData(directory, 'supervisor', 'shared');
    expect(another('shared')).to.equal('locked');
    expect(another('exclusive')).to.equal('refused');
    lock?.release();
  });

  it('is released when its process is killed', async () => {
    const holder = fork(program, [directory, 'exclusive', 'hold'], { silent: true });
    await once(holder, 'message');
    expect(lockData(directory, 'supervisor', 'exclusive')).to.equal(undefined);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const lock = lockData(directory, 'supervisor', 'exclusive');
    expect(lock).not.to.equal(undefined);
    lock?.release();
  });
});
