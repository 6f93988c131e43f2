import { join, resolve } from 'node:path';
import type { Config } from '../config/load.js';

/** The configuration of a fleet, and the folder that its relative paths start from. */
export interface Place {
  readonly config: Config;
  readonly cwd: string;
}

export function dataDirOf({ config, cwd }: Place): string {
  return resolve(cwd, config.dataDir);
}

/** Where processes write down that they run. */
export function runDirOf(place: Place): string {
  return join(dataDirOf(place), 'run');
}
