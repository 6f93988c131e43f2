import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FlotillaError } from '../errors.js';
import { isDataDir, LOCK_FILES, lockData, type DataLock } from './data-lock.js';
import { readFleetState } from './fleet-state.js';
import { endLeftovers } from './leftovers.js';
import { endRabbitNode } from './rabbitmq-node.js';

export interface Removed {
  /** Relative to the data directory. */
  name: string;
  bytes: number;
}

/** What a reset would remove. Throws `config.invalid` for a directory that was never one of Flotilla's. */
export async function contentsOf(dataDir: string): Promise<Removed[]> {
  const kept = new Set(Object.values(LOCK_FILES));
  const names = (await listing(dataDir)).filter((name) => !kept.has(name)).sort();
  if (names.length > 0 && !isDataDir(dataDir)) {
    throw new FlotillaError(
      'config.invalid',
      `DATA_DIR: ${dataDir} is no data directory of Flotilla's; remove it by hand`,
    );
  }
  return Promise.all(names.map(async (name) => ({ name, bytes: await bytesOf(join(dataDir, name)) })));
}

/** Throws `fleet.running` while an `up` runs in the data directory. */
export function refuseWhileUp(dataDir: string): void {
  lockOrThrow(dataDir, 'supervisor').release();
}

/** Removes what is in a data directory. First ends what an `up` that was killed has left running, its broker too.
 *  `before` runs when nothing else can use the directory, before anything is removed. Throws `fleet.running` while anything
 *  runs in it. */
export async function reset(
  dataDir: string,
  patience: number,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<Removed[]> {
  const contents = await contentsOf(dataDir);
  const locks: DataLock[] = [];
  try {
    locks.push(lockOrThrow(dataDir, 'supervisor'));
    await endLeftovers(await readFleetState(dataDir), patience);
    locks.push(lockOrThrow(dataDir, 'use'));
    await before();
    await endRabbitNode(join(dataDir, 'rabbitmq'));
    for (const { name } of contents) await rm(join(dataDir, name), { recursive: true, force: true });
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

async function listing(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

async function bytesOf(path: string): Promise<number> {
  const stats = await stat(path);
  if (!stats.isDirectory()) return stats.size;
  const sizes = await Promise.all((await readdir(path)).map((name) => bytesOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}
