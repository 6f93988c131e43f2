import { join } from 'node:path';
import { ensureCompiled } from './compile.mjs';
import { testInLanes } from './lanes.mjs';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureRabbit } from './rabbitmq.mjs';
import { root } from './root.mjs';
import { attached } from './run.mjs';
import { exitWith } from './step.mjs';
import { unitTests } from './unit-tests.mjs';

/** The options of mocha that take a value as the next argument. */
const WITH_VALUE = /^(-[fgRrt]|--(f?grep|reporter|require|retries|slow|timeout))$/;

// Every test, on a machine that has nothing but Node and npm. `npm test -- test/store` runs a part; `npm run test:unit` runs
// those that need no broker, start no process and are not tagged @slow.
try {
  await ensureNode();
  await ensurePackages();
  await ensureCompiled();
  const [coverage, unit] = ['--coverage', '--unit'].map((flag) => process.argv.includes(flag));
  if (!unit) await ensureRabbit('Tests run against a real RabbitMQ');
  const given = process.argv.slice(2).filter((argument) => !['--coverage', '--unit'].includes(argument));
  const wanted = unit ? [...unitTests(), '--grep=@slow', '--invert', ...given] : given;
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  process.exitCode =
    wanted.length === 0 && !coverage
      ? await testInLanes(process.execPath, [mocha])
      : await testInOne(mocha, wanted, coverage);
} catch (error) {
  exitWith(error);
}

/** One run on this terminal. */
function testInOne(mocha, wanted, coverage) {
  const specs = (wanted.length > 0 ? wanted : ['test']).map((path, index, all) =>
    path.startsWith('-') || path.endsWith('.ts') || WITH_VALUE.test(all[index - 1]) ? path : `${path}/**/*.test.ts`,
  );
  const c8 = [
    join(root, 'node_modules/c8/bin/c8.js'),
    '--src=src',
    '--src=platform',
    '--reporter=text-summary',
    '--reporter=html',
  ];
  return attached(process.execPath, [...(coverage ? [...c8, process.execPath] : []), mocha, ...specs], { cwd: root });
}
