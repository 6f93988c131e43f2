import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FlotillaError } from '../../errors.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { importModule } from './import-module.js';

/** Where a fleet is looked for: its source first. What the source was compiled to is for images that have no source. */
const CANDIDATES = [
  'config/fleet.ts',
  'config/fleet.mts',
  'config/fleet.js',
  'config/fleet.mjs',
  'dist/config/fleet.js',
];

/** Loads the default export of `file`, relative to `cwd`; without it, of the first of config/fleet.ts, config/fleet.js and
 *  dist/config/fleet.js that exists in `cwd`. TypeScript is loaded without a build step (see `importModule`). Rejects with
 *  `fleet.invalid` where there is no fleet, with `fleet.stale` where compiled code is older than its source. */
export async function loadFleet(cwd: string, file?: string): Promise<Fleet> {
  const path = file === undefined ? findFleet(cwd) : resolve(cwd, file);
  if (!existsSync(path)) throw new FlotillaError('fleet.invalid', `${path} does not exist`);
  const module = await importModule(path).catch((error: unknown) => {
    if (!(error instanceof SyntaxError)) throw error;
    const isType = /does not provide an export named/.test(error.message);
    const hint = isType
      ? '; if it is a type, use `import type`: `verbatimModuleSyntax` in tsconfig.json checks it'
      : '';
    throw new FlotillaError('fleet.invalid', `${path} cannot be loaded: ${error.message}${hint}`, { cause: error });
  });
  if (typeof module !== 'object' || module === null || !('default' in module) || !isFleet(module.default)) {
    throw new FlotillaError('fleet.invalid', `${path} has no default export made by defineFleet`);
  }
  return module.default;
}

function findFleet(cwd: string): string {
  const path = CANDIDATES.map((candidate) => join(cwd, candidate)).find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  throw new FlotillaError(
    'fleet.invalid',
    `there is no config/fleet in ${cwd}; run this in the folder of a fleet, or name its file: --fleet <path>`,
  );
}

function isFleet(value: unknown): value is Fleet {
  return typeof value === 'object' && value !== null && 'catalogue' in value && 'workers' in value;
}
