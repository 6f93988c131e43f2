import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { exclusively } from './lock.mjs';
import { root } from './root.mjs';
import { step } from './step.mjs';

const dist = join(root, 'dist');

/** The modules of the library that other programs import: its users, `bin/flotilla`, and the scripts. */
const LIBRARY = [
  'src/index.ts',
  'src/http.ts',
  'src/kafka.ts',
  'src/testing/index.ts',
  'src/testing/simulation/index.ts',
  'src/cli/main.ts',
  'src/supervisor/broker/rabbitmq-node.ts',
  'src/supervisor/broker/rabbitmq-node/install.ts',
  'src/telemetry/logger.ts',
];
/** The program of a thread, which the module that starts it finds beside itself: in the folder of the chunks. */
const THREAD = 'src/store/sqlite/write/checkpoint-program.ts';
/** All folders with TypeScript. */
export const FOLDERS = ['src', 'platform', 'workers', 'config', 'examples', 'scripts', 'test', 'bench'];
const OPTIONS = {
  absWorkingDir: root,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  logLevel: 'error',
};

/** Bundles the library and the fleet to dist, unless it is up to date. Uses esbuild, which does not check types;
 *  `npm run check` does. See docs/decisions/library-is-bundled.md. */
export function ensureCompiled() {
  return unlessFresh('.bundled', ['src', 'platform', 'workers', 'config'], () => bundle({ sourcemap: true }));
}

/** Compiles every module separately to dist/modules, unless it is up to date: tests and benchmarks import modules of the
 *  library that are not public. */
export function ensureModules() {
  return unlessFresh('.modules', FOLDERS, async (files) => {
    await esbuild({ ...OPTIONS, entryPoints: files, outdir: 'dist/modules', outbase: '.' });
    removeOrphans(files);
  });
}

/** The module that most others import, and entries that import it anyway. */
const HUB = join(root, 'src/index.ts');
const WITH_HUB = ['src/http.ts', 'src/kafka.ts', 'src/testing/index.ts', 'src/cli/run-command.ts'];
/** The modules of this folder are imported when their command runs. */
const COMMANDS = 'src/cli/commands/';

/** Lets each command and these entries import the hub. esbuild makes a chunk for every set of entries that share modules:
 *  with the hub in all of them the library is one chunk, and a process loads a few files in place of 115. */
const oneChunk = {
  name: 'one-chunk',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const file = relative(root, path).split(sep).join('/');
      if (!WITH_HUB.includes(file) && !isCommand(file)) return undefined;
      return { contents: `import ${JSON.stringify(HUB)}; ${await readFile(path, 'utf8')}`, loader: 'ts' };
    });
  },
};

/** Whether a file is the module of a command or of a group of commands. */
function isCommand(file) {
  if (!file.startsWith(COMMANDS) || file === `${COMMANDS}index.ts`) return false;
  const [first, second] = file.slice(COMMANDS.length).split('/');
  return second === undefined ? first !== 'index.ts' : second === 'index.ts';
}

/** Writes the library to dist/src and the fleet to dist/config. The entries of the library share their modules as
 *  chunks, so that each exists once in a process; the fleet imports the library by its name. */
export async function bundle({ sourcemap }) {
  rmSync(join(dist, '.compile-cache'), { recursive: true, force: true });
  for (const folder of ['src', 'config']) removeOutput(join(dist, folder));
  const options = { ...OPTIONS, sourcemap, bundle: true, splitting: true, external: packages() };
  const { metafile } = await esbuild({
    ...options,
    metafile: true,
    plugins: [oneChunk],
    entryPoints: [...LIBRARY.map((path) => entry(path)), entry(THREAD, `chunks/${basename(THREAD, '.ts')}`)],
    outdir: 'dist/src',
    chunkNames: 'chunks/[name]-[hash]',
  });
  writeLicenses(Object.keys(metafile.inputs));
  await esbuild({
    ...options,
    entryPoints: ['config/fleet.ts'],
    outdir: 'dist/config',
    outbase: 'config',
    chunkNames: 'chunks/[name]-[hash]',
    conditions: ['flotilla-source'],
    external: [...options.external, 'flotilla'],
  });
}

/** Writes the licenses of the bundled packages, whose text must accompany their code. */
function writeLicenses(inputs) {
  const folders = new Set(inputs.flatMap((path) => path.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? []));
  const texts = [...folders].map((folder) => `${folder}\n\n${readFileSync(join(root, folder, 'LICENSE'), 'utf8')}`);
  writeFileSync(join(dist, 'src', 'LICENSES.txt'), texts.join('\n'));
}

/** The entry of a module, with the path of its output without extension. */
function entry(path, out = relative('src', path).slice(0, -'.ts'.length)) {
  return { in: path, out };
}

function esbuild(options) {
  return createRequire(import.meta.url)('esbuild').build(options);
}

/** The packages that are imported, not bundled. */
function packages() {
  const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
  const { dependencies, peerDependencies } = read('package.json');
  return Object.keys({ ...dependencies, ...peerDependencies, ...read('application/package.json').dependencies });
}

async function unlessFresh(name, folders, work) {
  const stamp = join(dist, name);
  if (isFresh(stamp, sources(folders))) return;
  await exclusively(async () => {
    const files = sources(folders);
    if (isFresh(stamp, files)) return;
    await step('Compiling TypeScript', 'dist is older than the source', async () => {
      await work(files);
      mkdirSync(dist, { recursive: true });
      // Written last: a process that finds dist stale waits for the lock.
      writeFileSync(stamp, fingerprint(files));
    });
  });
}

/** Paths from the root, sorted. */
function sources(folders) {
  return folders
    .flatMap((folder) => walk(join(root, folder), '.ts'))
    .map((file) => relative(root, file))
    .sort();
}

function isFresh(stamp, files) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(files);
}

function fingerprint(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const { mtimeMs, size } = statSync(join(root, file));
    hash.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

/** Removes the output of source files that no longer exist. */
function removeOrphans(files) {
  const modules = join(dist, 'modules');
  const expected = new Set(files.map((file) => join(modules, file.replace(/\.ts$/, '.js'))));
  for (const file of walk(modules, '.js')) {
    if (expected.has(file)) continue;
    for (const path of [file, `${file}.map`]) rmSync(path, { force: true });
  }
}

/** Removes the code of an earlier bundle, whose chunks have other names; keeps declarations. */
function removeOutput(folder) {
  for (const file of [...walk(folder, '.js'), ...walk(folder, '.js.map')]) rmSync(file);
}

/** With its option `recursive`, `readdirSync` calls `stat` for each file. */
function walk(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${sep}${entry.name}`;
    if (entry.isDirectory()) return walk(path, ending);
    return entry.isFile() && entry.name.endsWith(ending) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}
