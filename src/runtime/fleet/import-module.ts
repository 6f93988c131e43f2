import { existsSync, readFileSync, statSync } from 'node:fs';
// the whole module: an older Node.js, which lacks these functions, is to reach the error that says so
import nodeModule from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { FlotillaError, messageOf } from '../../errors.js';

/** Imports a module of a project, which may be TypeScript: its types are removed, as Node.js 22.18 and newer do by themselves;
 *  an import of `./x.js` finds `x.ts`, and one of `#x.js` that package.json maps to `dist` finds the source. Compiled modules
 *  below `dist` are compared with their source: rejects with `fleet.stale` where one is older, with
 *  `fleet.invalid` for TypeScript that more than types would have to be removed from. The hooks stay, so that what
 *  the project imports later is found, too. See docs/decisions/types-are-stripped.md. */
export async function importModule(path: string): Promise<unknown> {
  // a program that runs from its own TypeScript has a loader already
  if (!import.meta.url.endsWith('.ts')) register(projectOf(path));
  return import(pathToFileURL(path).href);
}

const registered = new Set<string>();

function register(project: string): void {
  if (registered.has(project)) return;
  registered.add(project);
  nodeModule.registerHooks({
    resolve(specifier, context, next) {
      try {
        const resolved = next(specifier, context);
        const fromSource = isTypeScript(context.parentURL ?? '') && specifier.startsWith('#');
        const source = fromSource ? sourceOf(resolved.url, project) : undefined;
        return source === undefined ? resolved : typeScript(source);
      } catch (error) {
        const missing = missingModule(error);
        const source = missing === undefined ? undefined : (besides(missing) ?? sourceOf(missing, project));
        if (source === undefined) throw error;
        return typeScript(source);
      }
    },
    load(url, context, next) {
      if (!isTypeScript(url) || url.includes('/node_modules/')) {
        refuseStale(url, project);
        return next(url, context);
      }
      return { format: 'module', shortCircuit: true, source: withoutTypes(fileURLToPath(url)) };
    },
  });
}

function typeScript(url: string) {
  return { url, format: 'module', shortCircuit: true };
}

function isTypeScript(url: string): boolean {
  return /^file:.*\.m?ts$/.test(url);
}

/** The URL of the module that an import did not find. */
function missingModule(error: unknown): string | undefined {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  return isMissing && 'url' in error && typeof error.url === 'string' ? error.url : undefined;
}

/** The TypeScript beside a JavaScript file. */
function besides(url: string): string | undefined {
  const source = url.replace(/\.(m?)js$/, '.$1ts');
  return source !== url && exists(source) ? source : undefined;
}

/** The TypeScript from which a file below `dist` was compiled. */
function sourceOf(url: string, project: string): string | undefined {
  const dist = `${pathToFileURL(join(project, 'dist')).href}/`;
  if (!url.startsWith(dist)) return undefined;
  return besides(`${pathToFileURL(project).href}/${url.slice(dist.length)}`);
}

function exists(url: string): boolean {
  return url.startsWith('file:') && existsSync(fileURLToPath(url));
}

function refuseStale(url: string, project: string): void {
  const source = sourceOf(url, project);
  if (source === undefined) return;
  const [compiled, written] = [url, source].map((each) => fileURLToPath(each)) as [string, string];
  if (statSync(compiled).mtimeMs >= statSync(written).mtimeMs) return;
  const [a, b] = [relative(project, compiled), relative(project, written)];
  throw new FlotillaError('fleet.stale', `${a} is older than ${b}; compile it, or use --fleet config/fleet.ts`);
}

/** The folder of the nearest package.json. */
function projectOf(path: string): string {
  const start = dirname(path);
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return start;
  }
}

/** Keeps lines and columns, so that stacks fit the source. */
function withoutTypes(path: string): string {
  const source = readFileSync(path, 'utf8');
  const warn = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  Object.defineProperty(process, 'emitWarning', { ...warn, value: () => undefined }); // that the function is experimental
  try {
    return nodeModule.stripTypeScriptTypes(source);
  } catch (error) {
    const hint = 'set `erasableSyntaxOnly` in tsconfig.json, or compile and use --fleet dist/config/fleet.js';
    const detail = `${path} cannot be loaded: ${messageOf(error)}; types are removed, and nothing is compiled: ${hint}`;
    throw new FlotillaError('fleet.invalid', detail, { cause: error });
  } finally {
    if (warn !== undefined) Object.defineProperty(process, 'emitWarning', warn);
  }
}
