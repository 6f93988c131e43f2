import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type ts from 'typescript';
import { CATALOGUE } from '../project.js';
import { declarationsIn, type Declaration } from './declarations.js';
import type { Compiler } from './typescript.js';

/** A parsed file of a project. */
export interface Source {
  /** Relative to the project. */
  file: string;
  tree: ts.SourceFile;
}

/** A declaration with its file. */
export type Located = Declaration & Source;

/** Parses a file of a project; undefined if it does not exist. */
export async function parseFile(ts: Compiler, root: string, file: string): Promise<Source | undefined> {
  const text = await readFile(join(root, file), 'utf8').catch(absent);
  if (text === undefined) return undefined;
  return { file, tree: ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true) };
}

/** The types that the sources of a project declare in `platform/`. Those of the catalogue's own file are the last. */
export async function findDeclarations(ts: Compiler, root: string): Promise<Located[]> {
  const paths = (await readdir(join(root, 'platform'), { recursive: true }).catch(absent)) ?? [];
  const files = paths
    .map((path) => `platform/${path.replaceAll('\\', '/')}`)
    .filter((path) => /\.ts$/.test(path) && !/\.d\.ts$/.test(path))
    .sort((a, b) => Number(a === CATALOGUE) - Number(b === CATALOGUE) || (a < b ? -1 : 1));
  const sources = await Promise.all(files.map((file) => parseFile(ts, root, file)));
  return sources.flatMap((source) =>
    source === undefined ? [] : declarationsIn(ts, source.tree).map((found) => ({ ...found, ...source })),
  );
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
