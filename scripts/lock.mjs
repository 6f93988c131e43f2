import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './root.mjs';
import { say, SetupError } from './step.mjs';

const path = join(root, '.bootstrap.lock');
const LIMIT = 15 * 60_000;

/** Runs `work` while it holds the lock of this checkout, so that two commands that start at the same time do not both
 *  install or compile. Takes over the lock of a process that was killed. Waits 15 minutes at most. */
export async function exclusively(work) {
  await acquire();
  const release = () => remove(path);
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

async function acquire() {
  const deadline = Date.now() + LIMIT;
  for (let isReported = false; ; isReported = true) {
    if (create()) return;
    const holder = holderOf(path);
    if (holder !== undefined && !isRunning(holder)) takeAway(holder);
    else if (Date.now() > deadline)
      throw new SetupError(`${path} is held by process ${holder}; remove it and try again`);
    else {
      if (!isReported) say(`Waiting for process ${holder}, which is setting up this checkout`);
      await sleep(100);
    }
  }
}

/** Links a complete file to the name of the lock, so that no process reads an incomplete lock. */
function create() {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    remove(own);
  }
}

/** Removes the lock of a process that has ended. A second process may do the same at the same time and remove the lock
 *  that the first has created since. The lock is therefore renamed, compared, and restored if it has another holder. */
function takeAway(holder) {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
    if (holderOf(aside) !== holder) linkSync(aside, path);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    remove(aside);
  }
}

function holderOf(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function remove(file) {
  try {
    unlinkSync(file);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}
