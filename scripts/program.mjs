import { join } from 'node:path';
import { ensureCompiled } from './compile.mjs';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureRabbit } from './rabbitmq.mjs';
import { root, typescriptOptions } from './root.mjs';
import { attached } from './run.mjs';
import { exitWith } from './step.mjs';

// Prepares the checkout and runs one of its TypeScript programs: `npm run bench`, `npm run chaos`.
const [program, ...args] = process.argv.slice(2);

try {
  await ensureNode();
  await ensurePackages();
  await ensureCompiled();
  if (!args.includes('--guard')) await ensureRabbit('This runs against a real RabbitMQ');
  const path = join(root, program);
  process.exitCode = await attached(process.execPath, [...typescriptOptions, path, ...args], { cwd: root });
} catch (error) {
  exitWith(error);
}
