import { FlotillaError } from '../errors.js';
import { lockData, type DataLock } from '../supervisor/data-directory/data-lock.js';
import { dataDirOf, type Place } from './place.js';

/** Keeps `flotilla reset` from removing the data directory until it is released. Throws `config.invalid` during a reset. */
export function lockDataDir(place: Place): DataLock {
  const lock = lockData(dataDirOf(place), 'use', 'shared');
  if (lock !== undefined) return lock;
  throw new FlotillaError('config.invalid', `${place.config.dataDir} is being reset; try again then`);
}
