import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Fleet } from '../../fleet/define-fleet.js';
import { storesIn } from '../../supervisor/data-directory/data-files.js';
import { dataDirOf, storePathOf, type Place } from '../place.js';
import { servicesOf } from '../stores/services.js';

/** The file of a store. */
export interface StoreFile {
  service: string;
  path: string;
}

/** The files of stores with events: those of the fleet's services, and those that services of earlier fleets have left in
 *  the data directory. `absent` names the services of the fleet that have none on this machine. */
export function storeFiles(place: Place, fleet: Fleet): { files: StoreFile[]; absent: string[] } {
  const dataDir = dataDirOf(place);
  const own = servicesOf(fleet).map((service) => ({ service, path: storePathOf(place, service) }));
  const others = storesIn(dataDir).map((service) => ({ service, path: join(dataDir, `${service}.db`) }));
  const isHere = ({ path }: StoreFile) => existsSync(path);
  return {
    files: [...own.filter(isHere), ...others.filter(({ path }) => own.every((known) => known.path !== path))],
    absent: own.filter((file) => !isHere(file)).map(({ service }) => service),
  };
}
