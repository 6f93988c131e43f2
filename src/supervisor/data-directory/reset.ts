import { rmdirSync, rmSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { FlotillaError } from '../../errors.js';
import { contentsOf, LOCK_FILES, type DataContents } from './data-files.js';
import { isDataDir, lockData, type DataLock } from './data-lock.js';
import { readFleetState } from '../fleet-state.js';
import { endLeftovers } from '../leftovers.js';
import { endRabbitNode } from '../broker/rabbitmq-node.js';

/** The entries that a reset would remove and those that it would keep. Throws `config.invalid` for a directory that was
 *  never a data directory of Flotilla. */
export function resettable(dataDir: string): DataContents {
  const { own, foreign } = contentsOf(dataDir);
  if (own.length + foreign.length > 0 && !isDataDir(dataDir)) {
    throw new FlotillaError(
      'config.invalid',
      `DATA_DIR: ${dataDir} is not a data directory of Flotilla; remove it by hand`,
    );
  }
  return { own: own.filter(({ name }) => !isLock(name)), foreign };
}

/** Throws `fleet.running` while an `up` runs in the data directory. */
export function refuseWhileUp(dataDir: string): void {
  lockOrThrow(dataDir, 'supervisor').release();
}

/** Removes the entries that Flotilla has created in a data directory. Files of other programs, their folders and
 *  symbolic links remain. First ends the processes and the broker that a killed `up` has left running. `before` runs
 *  when no other process can use the directory, before anything is removed. Throws `fleet.running` while any process
 *  uses it. */
export async function reset(
  dataDir: string,
  patience: number,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<DataContents> {
  resettable(dataDir);
  const locks: DataLock[] = [];
  try {
    locks.push(lockOrThrow(dataDir, 'supervisor'));
    await endLeftovers(await readFleetState(dataDir), patience);
    locks.push(lockOrThrow(dataDir, 'use'));
    await before();
    const broker = join(dataDir, 'rabbitmq');
    if (!isLink(broker)) await endRabbitNode(broker);
    const contents = resettable(dataDir);
    for (const path of contents.own.flatMap(({ paths }) => paths)) remove(path);
    return contents;
  } finally {
    for (const lock of locks) lock.release();
  }
}

function lockOrThrow(dataDir: string, purpose: keyof typeof LOCK_FILES): DataLock {
  const lock = lockData(dataDir, purpose, 'exclusive');
  if (lock !== undefined) return lock;
  const who = purpose === 'supervisor' ? 'an `up`' : 'processes of their own';
  throw new FlotillaError('fleet.running', `${dataDir} (${who}); stop it first`);
}

function isLock(name: string): boolean {
  return Object.values(LOCK_FILES).some((lock) => name.startsWith(lock));
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function remove(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) rmdirSync(path);
  else rmSync(path, { force: true });
}
