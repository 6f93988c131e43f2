import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Definitions } from '../../events/definitions.js';
import { UsageError } from '../failure.js';
import { withService } from './compose-source.js';
import { catalogueImport, withWorker } from './fleet-source.js';
import { namesOf } from './names.js';
import { sampleOf } from './sample-data.js';
import { testSource, workerSource } from './worker-source.js';

export interface ScaffoldOptions {
  /** The folder of the fleet. */
  root: string;
  name: string;
  /** The event type that it handles at first. */
  on?: string | undefined;
  definitions: Definitions;
}

/** Adds a worker to a fleet: its folder, a test, its place in config/fleet.ts, and its service where there is a
 *  docker-compose.yml. Gives the files that were made or changed. Throws `UsageError` before anything is written when
 *  it cannot be done. */
export async function scaffoldWorker({ root, name, on, definitions }: ScaffoldOptions): Promise<string[]> {
  const names = namesOf(name);
  const sample = sampleOf(definitions, on);
  const created = [`workers/${name}/index.ts`, `test/workers/${name}.test.ts`] as const;
  for (const file of [`workers/${name}`, ...created]) {
    if (existsSync(join(root, file))) throw new UsageError(`${file} is there already`);
  }
  const fleet = await readText(root, 'config/fleet.ts');
  if (fleet === undefined) throw new UsageError(`there is no config/fleet.ts in ${root}`);
  const compose = await readText(root, 'docker-compose.yml');

  const files: Record<string, string> = {
    [created[0]]: workerSource(names, sample, catalogueImport(fleet)),
    [created[1]]: testSource(names, sample),
    'config/fleet.ts': withWorker(fleet, names),
    ...(compose !== undefined && { 'docker-compose.yml': withService(compose, names) }),
  };
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), text);
  }
  return Object.keys(files);
}

async function readText(root: string, file: string): Promise<string | undefined> {
  return existsSync(join(root, file)) ? readFile(join(root, file), 'utf8') : undefined;
}
