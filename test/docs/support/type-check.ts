import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Block } from './blocks.js';

/** A page with the project that its blocks have created. */
export interface ExecutedPage {
  page: string;
  project: string;
  blocks: readonly Block[];
}

const tsc = fileURLToPath(new URL('../../../node_modules/typescript-native/bin/tsc', import.meta.url));

/** Type-checks the projects, and the code that the pages show and do not write to a file, as modules in the folder of the project.
 *  One program checks all of them, because most of the time goes into the declarations of packages. Returns the errors, with
 *  the lines of the pages. */
export async function typeErrors(pages: readonly ExecutedPage[]): Promise<string[]> {
  const [first] = pages;
  if (first === undefined) return [];
  const code = new Map<string, { page: string; block: Block }>();
  for (const { page, project, blocks } of pages) {
    for (const block of blocks.filter(isModule)) code.set(join(project, `line-${block.line}.ts`), { page, block });
  }
  const config = join(first.project, 'tsconfig.pages.json');
  try {
    for (const [path, { block }] of code) await writeFile(path, `${block.text}\nexport {};\n`);
    const include = await Promise.all(pages.map(({ project }) => includedIn(project)));
    await writeFile(
      config,
      JSON.stringify({ extends: './tsconfig.json', include: include.flat(), files: [...code.keys()] }),
    );
    const output = await outputOf(first.project, config);
    const errors = output.trim().split(/\n(?! )/); // the lines of an error after the first are indented
    return errors.flatMap((error) => (error === '' ? [] : [withPage(error, first.project, code)]));
  } finally {
    for (const path of [config, ...code.keys()]) await rm(path, { force: true });
  }
}

/** Code that a reader can compile as it is. */
const isModule = ({ language, info }: Block) =>
  language === 'ts' && info['file'] === undefined && !('fragment' in info);

async function includedIn(project: string): Promise<string[]> {
  const { include } = JSON.parse(await readFile(join(project, 'tsconfig.json'), 'utf8')) as { include: string[] };
  return include.map((path) => join(project, path));
}

/** The errors that the compiler prints; empty if there are none. */
function outputOf(cwd: string, config: string): Promise<string> {
  return promisify(execFile)(process.execPath, [tsc, '-p', config, '--pretty', 'false'], { cwd }).then(
    () => '',
    ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}` || 'the compiler failed',
  );
}

/** An error with the page and its line in place of a file that exists only for the check. */
function withPage(error: string, cwd: string, code: ReadonlyMap<string, { page: string; block: Block }>): string {
  const [, path = '', line = '', text = ''] = /^(.+?)\((\d+),\d+\): error TS\d+: ([^]*)$/.exec(error) ?? [];
  const shown = code.get(resolve(cwd, path));
  return shown === undefined ? error : `${shown.page}, line ${shown.block.line + Number(line)}: ${text}`;
}
