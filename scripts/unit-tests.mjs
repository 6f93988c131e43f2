import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { root } from './root.mjs';
import { SetupError } from './step.mjs';

/** Imports of a RabbitMQ or of child processes. A unit test has none, neither directly nor through a module of
 *  `test/`. */
const NEEDS_MORE = /support\/(rabbitmq|kafka)\.js'|rabbitmq-node\.js'|'node:child_process'/;

/** Returns the test files that need no broker and start no process, as paths from the root. The imports decide, so
 *  that no list has to be maintained. */
function unitTests() {
  const known = new Map();
  /** A module that is being visited counts as a unit; the other modules of an import cycle decide. */
  const needsMore = (file) => {
    const before = known.get(file);
    if (before !== undefined) return before;
    known.set(file, false);
    const text = readFileSync(file, 'utf8');
    const needs = NEEDS_MORE.test(text) || importsOf(file, text).some(needsMore);
    known.set(file, needs);
    return needs;
  };
  return readdirSync(join(root, 'test'), { recursive: true })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join(root, 'test', path))
    .filter((file) => !needsMore(file))
    .map((file) => relative(root, file))
    .sort();
}

/** Returns the unit tests in the given files and folders, or all without any. Throws `SetupError` for a path without a
 *  unit test. */
export function unitTestsIn(paths) {
  const files = unitTests();
  if (paths.length === 0) return files;
  const found = paths.flatMap((path) => {
    const wanted = relative(root, resolve(path));
    const inPath = files.filter((file) => file === wanted || file.startsWith(`${wanted}${sep}`));
    if (inPath.length === 0)
      throw new SetupError(
        `${path} contains no test without a broker and without processes. Run it with: npm test -- ${path}`,
      );
    return inPath;
  });
  return [...new Set(found)];
}

/** Returns the modules of `test/` that a file imports. */
function importsOf(file, text) {
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)]
    .map(([, target]) => join(dirname(file), target.replace(/\.js$/, '.ts')))
    .filter((path) => path.startsWith(join(root, 'test')) && existsSync(path));
}
