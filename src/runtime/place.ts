import { join, resolve } from 'node:path';
import { databaseUrlFor, type Config } from '../config/load-config.js';
import { sqlitePath } from '../store/open.js';

/** The configuration of a fleet, and the folder that its relative paths start from. */
export interface Place {
  readonly config: Config;
  readonly cwd: string;
}

export function dataDirOf({ config, cwd }: Place): string {
  return resolve(cwd, config.dataDir);
}

/** The URL of a service's store. A relative path of it starts from the folder of the fleet. Throws `config.invalid`. */
export function storeUrlOf(place: Place, service: string): string {
  return `sqlite:${storePathOf(place, service)}`;
}

/** The file of a service's store. Throws `config.invalid`. */
export function storePathOf({ config, cwd }: Place, service: string): string {
  return resolve(cwd, sqlitePath(databaseUrlFor(config, service), service));
}

/** Where processes write down that they run. */
export function runDirOf(place: Place): string {
  return join(dataDirOf(place), 'run');
}
