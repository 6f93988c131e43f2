import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { FlotillaError, messageOf } from '../errors.js';
import type { JsonSchema } from '../events/schema-fields.js';
import { branchPoint, runGit } from './git.js';
import { identityOf, type Committed } from './gate.js';
import type { Json } from './shape.js';

/** The folder of committed schemas, beside package.json: `schemas/order.created/1.json`, and samples of their data,
 *  `schemas/order.created/1.samples.json`; and of the API, `schemas/openapi.json`. */
const FOLDER = 'schemas';

const FILE = /^([a-z0-9_.]+)\/(\d+)(\.samples)?\.json$/;
const API_FILE = 'openapi.json';
const isCommitted = (path: string) => path === API_FILE || FILE.test(path);

const samplesFile = z.strictObject({
  newest: z.int().min(1),
  samples: z.array(z.strictObject({ data: z.custom<Json>(), upcast: z.custom<Json>() })),
});

/** Reads the committed schemas and samples of a project. Resolves with empty lists if there are none. Rejects with
 *  `contract.bad_schema_file`. */
export async function readCommitted(root: string): Promise<Committed> {
  const folder = join(root, FOLDER);
  const paths = (await readdir(folder, { recursive: true }).catch(absent)).map((path) => path.replaceAll('\\', '/'));
  const files = paths.filter(isCommitted).sort();
  return committedOf(
    await Promise.all(files.map(async (path) => ({ path, text: await readFile(join(folder, path), 'utf8') }))),
  );
}

/** Reads what was committed where this branch left `ref`. Rejects with `contract.bad_schema_file`, and with the error of
 *  git if `ref` is unknown. */
export async function readCommittedAt(root: string, ref: string, signal: AbortSignal): Promise<Committed> {
  const git = (args: readonly string[], input = '') => runGit(root, args, input, signal);
  const base = await branchPoint(root, ref, signal);
  // relative to the project, which may be a folder of the repository
  const listed = (await git(['ls-tree', '-r', '--name-only', base, `${FOLDER}/`])).split('\n');
  const paths = listed.map((path) => path.slice(FOLDER.length + 1)).filter(isCommitted);
  const names = paths.map((path) => `${base}:./${FOLDER}/${path}\n`).join('');
  const contents = Buffer.from(await git(['cat-file', '--batch'], names));
  let at = 0;
  return committedOf(
    paths.map((path) => {
      // `<hash> blob <size>`, then the bytes of the file and a line break
      const begin = contents.indexOf('\n', at) + 1;
      const end = begin + Number(contents.toString('utf8', at, begin).split(' ')[2]);
      at = end + 1;
      return { path, text: contents.toString('utf8', begin, end) };
    }),
  );
}

/** The contents of the files, by their paths in a project, sorted. */
export function filesOf({ schemas, samples, api }: Committed): Map<string, string> {
  const contents: [path: string, content: object][] = [
    ...(api === undefined ? [] : [[`${FOLDER}/${API_FILE}`, api] as [string, object]]),
    ...schemas.map(({ schema, ...of }): [string, object] => [pathOf(of), schema]),
    ...samples.map(({ samples, ...of }): [string, object] => [pathOf(of, '.samples'), samples]),
  ];
  return new Map(
    contents
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, content]) => [path, `${JSON.stringify(content, undefined, 2)}\n`]),
  );
}

/** Writes the files, and resolves with their paths. */
export async function writeCommitted(root: string, committed: Committed): Promise<string[]> {
  const files = filesOf(committed);
  for (const [path, text] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return [...files.keys()];
}

function pathOf({ type, version }: { type: string; version: number }, suffix = ''): string {
  return `${FOLDER}/${type}/${version}${suffix}.json`;
}

function committedOf(all: readonly { path: string; text: string }[]): Committed {
  const api = all.find(({ path }) => path === API_FILE);
  const files = all.filter((file) => file !== api);
  const parsed = files.map(({ path, text }) => {
    const [, type = '', version, suffix] = FILE.exec(path) ?? [];
    return { path, type, version: Number(version), isSamples: suffix !== undefined, content: parse(path, text) };
  });
  const byVersion = parsed.sort((a, b) => (a.type === b.type ? a.version - b.version : a.type < b.type ? -1 : 1));
  return {
    ...(api !== undefined && { api: parseDocument(api) }),
    schemas: byVersion
      .filter(({ isSamples }) => !isSamples)
      .map(({ path, type, version, content }) => {
        const schema = (content ?? {}) as JsonSchema;
        const identity = identityOf(schema);
        if (identity?.type !== type || identity.version !== version) {
          throw badFile(path, `$id is not urn:flotilla:${type}:${version}`);
        }
        return { type, version, schema };
      }),
    samples: byVersion
      .filter(({ isSamples }) => isSamples)
      .map(({ path, type, version, content }) => {
        const { data: samples, error } = samplesFile.safeParse(content);
        if (samples === undefined) throw badFile(path, z.prettifyError(error));
        return { type, version, samples };
      }),
  };
}

function parseDocument({ path, text }: { path: string; text: string }): JsonSchema {
  const document = parse(path, text);
  const isDocument = typeof document === 'object' && document !== null && 'openapi' in document && 'paths' in document;
  if (!isDocument) throw badFile(path, 'not a document of OpenAPI');
  return { ...document };
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badFile(path, messageOf(error));
  }
}

function badFile(path: string, why: string): FlotillaError {
  return new FlotillaError('contract.bad_schema_file', `${FOLDER}/${path}: ${why}`);
}

function absent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
