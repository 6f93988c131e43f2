import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { ensureModules, FOLDERS } from './compile.mjs';
import { root } from './root.mjs';

// `node --import=…/scripts/typescript.mjs file.ts` runs TypeScript of this checkout: each module has the URL of its
// source file and the code that `ensureModules` compiled from it. A process starts in less than half the time of tsx,
// which tries several paths for each module. The parent of a forked process has compiled them: to look at every file
// again takes 60 ms of processor time.
if (process.channel === undefined) await ensureModules();

const home = pathToFileURL(`${root}/`).href;
const sources = FOLDERS.map((folder) => `${home}${folder}/`);
const isSource = (url) => url.endsWith('.ts') && sources.some((folder) => url.startsWith(folder));

registerHooks({
  resolve(specifier, context, next) {
    const isRelative = /^\.\.?\//.test(specifier) && context.parentURL !== undefined && isSource(context.parentURL);
    // the program of a thread has an absolute URL
    if (specifier.endsWith('.js') && (isRelative || specifier.startsWith(home))) {
      const { href: url } = new URL(specifier.replace(/js$/, 'ts'), isRelative ? context.parentURL : undefined);
      if (isSource(url)) return { url, format: 'module', shortCircuit: true };
    }
    return next(specifier, context);
  },
  load(url, context, next) {
    if (!isSource(url)) return next(url, context);
    const compiled = new URL(`dist/modules/${url.slice(home.length, -'ts'.length)}js`, home);
    const source = readFileSync(compiled, 'utf8').replace(
      /(?<=\n\/\/# sourceMappingURL=).*\n$/,
      `${compiled.href}.map\n`,
    );
    return { format: 'module', source, shortCircuit: true };
  },
});
