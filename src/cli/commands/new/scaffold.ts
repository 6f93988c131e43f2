import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { UsageError } from '../../shared/failure.js';
import { withService } from './compose-source.js';
import { catalogueImport, withWorker } from './fleet-source.js';
import { namesOf, requireFreeName } from './names.js';
import { samplesOf } from './sample-data.js';
import { testSource, workerSource } from './worker-source.js';

export interface ScaffoldOptions {
  /** The folder of the fleet. */
  root: string;
  name: string;
  /** The event types or topic patterns that it handles at first. @default the first event of the application */
  on?: readonly string[];
  fleet: Pick<Fleet, 'catalogue' | 'workers' | 'api'>;
}

/** Adds a worker to a fleet: its folder, a test, its place in config/fleet.ts, and its service where there is a
 *  docker-compose.yml. Gives the files that were created or changed. Throws before anything is written when it
 *  cannot be done. */
export async function scaffoldWorker({ root, name, on = [], fleet: parts }: ScaffoldOptions): Promise<string[]> {
  const names = namesOf(name);
  requireFreeName(name, parts);
  const samples = samplesOf(parts.catalogue.definitions, [...new Set(on)]);
  const created = [`workers/${name}/index.ts`, `test/workers/${name}.test.ts`] as const;
  for (const file of [`workers/${name}`, ...created]) {
    if (existsSync(join(root, file))) throw new UsageError(`${file} is there already`);
  }
  const fleet = await readText(root, 'config/fleet.ts');
  if (fleet === undefined) throw new UsageError(`there is no config/fleet.ts in ${root}`);
  const compose = await readText(root, 'docker-compose.yml');

  const files: Record<string, string> = {
    [created[0]]: workerSource(names, samples, catalogueImport(fleet)),
    [created[1]]: testSource(names, samples),
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
