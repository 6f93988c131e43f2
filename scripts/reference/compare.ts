import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the pages that differ from the files of a folder, each with its first different line. */
export function outdated(pages: Readonly<Record<string, string>>, folder: string): string[] {
  return Object.entries(pages).flatMap(([name, expected]) => {
    const path = join(folder, name);
    const lines = (existsSync(path) ? readFileSync(path, 'utf8') : '').split('\n');
    const wanted = expected.split('\n');
    const at = wanted.findIndex((line, index) => line !== lines[index]);
    if (at === -1 && lines.length === wanted.length) return [];
    const line = at === -1 ? wanted.length : at;
    return `${name}:${line + 1} is ${JSON.stringify(lines[line] ?? '')}, must be ${JSON.stringify(wanted[line] ?? '')}`;
  });
}
