import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { UsageError } from '../../shared/failure.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';
import { literal } from './literal.js';
import { namesOf, requireFreeName, type WorkerNames } from './names.js';
import { CATALOGUE, conventionsOf, writeFiles, type Added } from './project.js';
import { samplesOf, type Sample } from './sample-data.js';
import { renderTemplate } from './template.js';

export interface NewWorkerOptions {
  /** The folder of the fleet. */
  root: string;
  /** The folder of the library. */
  packageRoot: string;
  name: string;
  /** The event types or topic patterns that it handles at first. @default the first event of the application */
  on?: readonly string[];
  fleet: Pick<Fleet, 'catalogue' | 'workers' | 'api'>;
}

const WORKERS = 'workers/index.ts';

/** Adds a worker to a fleet: its folder, a test and a line in workers/index.ts. Throws `UsageError` or `name.unknown`
 *  before it writes a file. */
export async function newWorker({ root, packageRoot, name, on = [], fleet }: NewWorkerOptions): Promise<Added> {
  const names = namesOf(name);
  requireFreeName(name, fleet);
  const isHandled = (type: string) => fleet.workers.some((worker) => workerDefinitionOf(worker).handlerOf.has(type));
  const samples = samplesOf(fleet.catalogue.definitions, [...new Set(on)], isHandled);
  const created = [`workers/${name}/index.ts`, `test/workers/${name}.test.ts`] as const;
  for (const file of [`workers/${name}`, ...created]) {
    if (existsSync(join(root, file))) throw new UsageError(`${file} exists already`);
  }
  if (!existsSync(join(root, CATALOGUE))) {
    throw new UsageError(`${CATALOGUE} does not exist in ${root}; it must export the defineWorker of the catalogue`);
  }
  const { catalogue, extension, runner } = await conventionsOf(root);
  const list = existsSync(join(root, WORKERS)) ? await readFile(join(root, WORKERS), 'utf8') : undefined;
  if (list !== undefined && new RegExp(`\\b${names.variable}\\b`).test(list)) {
    throw new UsageError(`${WORKERS} exports ${names.variable} already`);
  }

  const values = { ...names, catalogue, extension, runner, events: eventsOf(samples) };
  const template = (file: string) => join(packageRoot, 'templates', 'worker', file);
  const handlers = samples.map(({ pattern }) => renderTemplate(template('handler.ts'), { ...names, pattern }));
  const sources = await Promise.all([
    renderTemplate(template('index.ts'), { ...values, handlers: (await Promise.all(handlers)).join('') }),
    renderTemplate(template('test.ts'), values),
  ]);
  await writeFiles(root, new Map(created.map((file, index) => [file, sources[index] ?? ''])));
  const byHand = await deploymentOf(root, name);
  if (list === undefined) return { files: [...created], byHand: [...registrationOf(names, extension), ...byHand] };
  const line = `export { default as ${names.variable} } from './${name}/index.${extension}';\n`;
  await appendFile(join(root, WORKERS), list === '' || list.endsWith('\n') ? line : `\n${line}`);
  return { files: [...created, WORKERS], byHand };
}

function eventsOf(samples: readonly Sample[]): string {
  return samples
    .map(({ pattern: _, ...event }, index) => `  ${literal({ id: `event-${index + 1}`, ...event }, '  ')},\n`)
    .join('');
}

function registrationOf({ name, variable }: WorkerNames, extension: string): string[] {
  return [
    `Add to config/fleet.ts: import ${variable} from '../workers/${name}/index.${extension}';`,
    `Add to its workers: ${variable}`,
  ];
}

/** A compose file with workers needs a service for the new one. */
async function deploymentOf(root: string, name: string): Promise<string[]> {
  const file = join(root, 'docker-compose.yml');
  if (!existsSync(file) || !(await readFile(file, 'utf8')).includes('[worker, ')) return [];
  return [
    `Add to docker-compose.yml: the service ${name} with the command [worker, ${name}], and a volume for its store.`,
  ];
}
