import { rmdirSync, rmSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { FlotillaError } from '../../errors.js';
import { contentsOf, LOCK_FILES, type DataContents } from './data-files.js';
import { isDataDir, lockData, type DataLock } from './data-lock.js';
import { readFleetState } from '../fleet-state.js';
import { endLeftovers } from '../leftovers.js';
import { endRabbitNode } from '../broker/rabbitmq-node.js';

/** What a reset would remove, and what it leaves. Throws `config.invalid` for a directory that was never one of
 *  Flotilla's. */
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

/** Removes what Flotilla has created in a data directory, and nothing else: files of others, the folders that hold them
 *  and symbolic links stay. First ends what an `up` that was killed has left running, its broker too. `before` runs when
 *  nothing else can use the directory, before anything is removed. Throws `fleet.running` while anything runs in it. */
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
