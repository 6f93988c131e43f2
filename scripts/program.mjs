import { join } from 'node:path';
import { ensureCompiled } from './compile.mjs';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureRabbit } from './rabbitmq.mjs';
import { root, typescriptOptions } from './root.mjs';
import { attached } from './run.mjs';
import { exitWith } from './step.mjs';

// Prepares the checkout and runs one of its TypeScript programs: `npm run bench`, `npm run chaos`. Benchmarks run
// compiled, as in production.
const [program, ...args] = process.argv.slice(2);

try {
  await ensureNode();
  await ensurePackages();
  await ensureCompiled();
  await ensureRabbit('This runs against a real RabbitMQ');
  process.exitCode = await attached(process.execPath, [...(await nodeArguments(program)), ...args], { cwd: root });
} catch (error) {
  exitWith(error);
}

/** Returns the arguments of node that run the program. */
async function nodeArguments(program) {
  if (!program.startsWith('bench/')) return [...typescriptOptions, join(root, program)];
  await ensureCompiled(['bench', 'test/support']);
  return [join(root, 'dist', program.replace(/\.ts$/, '.js'))];
}
