import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlotillaError, messageOf } from '../../errors.js';
import { requireDataDir } from './data-dir.js';

export const FLEET_KEY_FILE = 'fleet.key';

/** Reads the fleet key of a data directory, in the format of `FLEET_KEY`; undefined if there is none. Throws
 *  `config.invalid` if the file cannot be read. */
export function readFleetKey(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, FLEET_KEY_FILE), 'utf8').trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new FlotillaError('config.invalid', `the key of the fleet cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Creates a key for the fleet of a data directory without one, readable by its owner only. If the directory contains
 *  stores, the key applies from `now` (milliseconds) on. Throws `config.invalid` for a directory that cannot be created
 *  or used. */
export function createFleetKey(dataDir: string, now: number): 'created' | 'created for existing stores' | 'exists' {
  if (readFleetKey(dataDir) !== undefined) return 'exists';
  requireDataDir(dataDir);
  const hasStores = readdirSync(dataDir).some((name) => name.endsWith('.db'));
  const secret = randomBytes(32).toString('base64url');
  const since = hasStores ? `@${new Date(now).toISOString().slice(0, 19)}Z` : '';
  const file = join(dataDir, FLEET_KEY_FILE);
  const next = `${file}.${process.pid}.next`;
  writeFileSync(next, `${secret}${since}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(next, file); // never replaces a key that another process has created
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return 'exists';
    throw error;
  } finally {
    rmSync(next, { force: true });
  }
  return hasStores ? 'created for existing stores' : 'created';
}
