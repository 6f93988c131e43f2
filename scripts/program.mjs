import { join } from 'node:path';
import { ensureCompiled } from './compile.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureRabbit } from './rabbitmq.mjs';
import { root } from './root.mjs';
import { attached } from './run.mjs';
import { exitWith } from './step.mjs';

// Sets the checkout up, then runs one TypeScript program of it: `npm run bench`, `npm run chaos`.
const [program, ...args] = process.argv.slice(2);

try {
  await ensurePackages();
  await ensureCompiled();
  await ensureRabbit('This runs against a real RabbitMQ');
  const node = ['--import=tsx', '--conditions=development', join(root, program)];
  process.exitCode = await attached(process.execPath, [...node, ...args], { cwd: root });
} catch (error) {
  exitWith(error);
}
