import { posix } from 'node:path';
import { UsageError } from '../../shared/failure.js';
import type { WorkerNames } from './names.js';
import type { CatalogueImport } from './worker-source.js';

const WIDTH = 120;

/** `config/fleet.ts` with one worker more: an import below those of the other workers, and its place at the end of
 *  `workers: […]`. Throws `UsageError`, saying what to write by hand, where the file is not of that form. */
export function withWorker(source: string, { name, variable }: WorkerNames): string {
  const line = `import ${variable} from '../workers/${name}/index.js';`;
  const refuse = (why: string) => new UsageError(`config/fleet.ts: ${why}; add the worker by hand: ${line}`);
  if (new RegExp(`\\b${variable}\\b`).test(source)) throw refuse(`${variable} is in it already`);

  const [list, before, content] = /^( *workers: )\[([^[\]]*)\]/m.exec(source) ?? [];
  if (list === undefined || before === undefined || content === undefined)
    throw refuse('it has no list `workers: [a, b]`');
  const variables = content
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (!variables.every((item) => /^[A-Za-z_$][\w$]*$/.test(item))) throw refuse('not all in `workers` are plain names');
  variables.push(variable);

  const imports = [...source.matchAll(/^import .*;$/gm)];
  const last = imports.findLast(([text]) => text.includes(`'../workers/`)) ?? imports.at(-1);
  if (last === undefined) throw refuse('it has no imports');
  const end = last.index + last[0].length;
  return source
    .replace(list, listSource(before, variables))
    .replace(source.slice(0, end), (head) => `${head}\n${line}`);
}

/** On one line where it fits, as the formatter has it. */
function listSource(before: string, variables: readonly string[]): string {
  const short = `${before}[${variables.join(', ')}]`;
  if (short.length + 1 <= WIDTH) return short;
  const indent = ' '.repeat(before.length - before.trimStart().length);
  return `${before}[\n${variables.map((item) => `${indent}  ${item},\n`).join('')}${indent}]`;
}

/** How the workers import the catalogue that the fleet names. Throws `UsageError` where the fleet doesn't import it. */
export function catalogueImport(source: string): CatalogueImport {
  const [, variable = ''] = /\bcatalogue: ([A-Za-z_$][\w$]*)/.exec(source) ?? [];
  const [, from] = new RegExp(`^import \\{[^}]*\\b${variable}\\b[^}]*\\} from '(\\.[^']+)';$`, 'm').exec(source) ?? [];
  if (variable === '' || from === undefined) {
    throw new UsageError(
      'config/fleet.ts: it does not name a catalogue that it imports by name, as `catalogue: platform`',
    );
  }
  return { variable, from: posix.relative('workers/name', posix.join('config', from)) };
}
