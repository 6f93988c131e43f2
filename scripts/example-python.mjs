import { join } from 'node:path';
import { pythonWithPika } from './python.mjs';
import { root } from './root.mjs';
import { attached } from './run.mjs';
import { exitWith } from './step.mjs';

// `npm run example:python`: finds a Python with an AMQP client, then runs the example.
try {
  const PYTHON = await pythonWithPika();
  const program = [join(root, 'scripts/program.mjs'), 'examples/publish-from-python/main.ts'];
  process.exitCode = await attached(process.execPath, program, { cwd: root, env: { PYTHON } });
} catch (error) {
  exitWith(error);
}
