import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The module that exports the catalogue of a project. */
export const CATALOGUE = 'platform/catalogue.ts';

/** How a project writes its code. */
export interface Conventions {
  /** The import of the catalogue in a worker. */
  catalogue: string;
  /** The extension of imported modules. */
  extension: 'js' | 'ts';
  /** The import of the test runner; empty if it defines globals. */
  runner: string;
  /** What is left to do after a change of the catalogue, one line each. */
  afterChange: string[];
}

/** What a command has added to a project. */
export interface Added {
  /** Created or changed, relative to the folder of the fleet. */
  files: string[];
  /** Remaining manual steps, one line each. */
  byHand: string[];
}

interface Manifest {
  imports?: Record<string, unknown>;
  scripts?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** A compiled fleet maps `#platform/*.js` and imports `.js` files; a fleet without a build step imports `.ts` files. */
export async function conventionsOf(root: string): Promise<Conventions> {
  const file = join(root, 'package.json');
  const manifest = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Manifest) : {};
  const { imports = {}, scripts = {}, devDependencies = {} } = manifest;
  const isCompiled = '#platform/*.js' in imports;
  return {
    catalogue: isCompiled ? '#platform/catalogue.js' : '../../platform/catalogue.ts',
    extension: isCompiled ? 'js' : 'ts',
    // mocha defines describe and it globally
    runner: 'mocha' in devDependencies ? '' : `import { describe, it } from 'node:test';\n`,
    afterChange: 'docs:reference' in scripts ? ['Run npm run docs:reference'] : [],
  };
}

/** The test of a message type, or of one of its versions. */
export function testOf(type: string, version?: number): string {
  return `test/platform/${[...type.split(/[._]/), ...(version === undefined ? [] : [version])].join('-')}.test.ts`;
}

/** Files by their path relative to a project, with their contents. */
export type Files = ReadonlyMap<string, string>;

/** Writes files, and creates their folders. */
export async function writeFiles(root: string, files: Files): Promise<void> {
  for (const [file, text] of files) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), text);
  }
}
