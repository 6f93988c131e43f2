import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FlotillaError } from '../errors.js';
import type { Fleet } from '../fleet/define-fleet.js';

/** The default export of config/fleet in the folder `cwd`: compiled or plain JavaScript, or the TypeScript itself where
 *  this program runs from source. Throws `fleet.invalid`. */
export async function loadFleet(cwd: string): Promise<Fleet> {
  const compiled = ['dist/config/fleet.js', 'config/fleet.js'];
  const candidates = import.meta.url.endsWith('.ts') ? ['config/fleet.ts', ...compiled] : compiled;
  const path = candidates.map((candidate) => join(cwd, candidate)).find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new FlotillaError('fleet.invalid', `there is no config/fleet in ${cwd}; run this in the folder of a fleet`);
  }
  const module: unknown = await import(pathToFileURL(path).href);
  if (typeof module !== 'object' || module === null || !('default' in module) || !isFleet(module.default)) {
    throw new FlotillaError('fleet.invalid', `${path} has no default export made by defineFleet`);
  }
  return module.default;
}

function isFleet(value: unknown): value is Fleet {
  return typeof value === 'object' && value !== null && 'catalogue' in value && 'workers' in value;
}
