import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ensureChromium } from './chromium.mjs';
import { ensureCompiled, ensureModules } from './compile.mjs';
import { interruptible } from './interruptible.mjs';
import { runsOfAll, testInLanes } from './lanes.mjs';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureKafka } from './kafka.mjs';
import { ensureRabbit } from './rabbitmq.mjs';
import { root } from './root.mjs';
import { attached } from './run.mjs';
import { withShared } from './shared-by-runs.mjs';
import { exitWith } from './step.mjs';
import { unitTestsIn } from './unit-tests.mjs';

/** The options of mocha that take a value as the next argument. */
const WITH_VALUE = /^(-[fgRrt]|--(f?grep|reporter|require|retries|slow|timeout))$/;

// Runs all tests on a machine with only Node.js and npm. `npm test -- test/store` runs one folder; `npm run test:unit`
// runs the tests that need no broker, start no process and are not tagged @slow.
try {
  await ensureNode();
  await ensurePackages();
  await ensureCompiled();
  await ensureModules();
  const [coverage, unit] = ['--coverage', '--unit'].map((flag) => process.argv.includes(flag));
  if (!unit) await ensureRabbit('Tests run against a real RabbitMQ');
  const given = process.argv.slice(2).filter((argument) => !['--coverage', '--unit'].includes(argument));
  const isAboutPages = given.length === 0 || given.some((argument) => argument.startsWith('test/documents'));
  if (!unit && isAboutPages) await ensureChromium('The pages of the API are tested in a browser');
  const isAboutKafka = given.length === 0 || given.some((argument) => argument.startsWith('test/kafka'));
  if (!unit && isAboutKafka) await ensureKafka('Tests on Kafka need a broker');
  // with the options of node that bin/mocha.js reads from .mocharc.cjs, and starts a second process with
  const { 'node-option': nodeOptions } = createRequire(import.meta.url)('../.mocharc.cjs');
  const mocha = [...nodeOptions.map((option) => `--${option}`), join(root, 'node_modules/mocha/lib/cli/cli.js')];
  const cores = Math.min(3, availableParallelism());
  // a run with a broker waits for half of its time, which leaves processor time to others
  const lanes = Math.min(5, availableParallelism() + 3);
  const inLanes = given.length === 0 && !coverage;
  if (unit) {
    const isPath = (argument, index) => !argument.startsWith('-') && !WITH_VALUE.test(given[index - 1]);
    const files = unitTestsIn(given.filter(isPath));
    const options = given.filter((argument, index) => !isPath(argument, index));
    // mocha inverts every pattern, so a pattern of the caller takes the place of this one
    const noSlow = options.some((option) => /^(-[fg]|--f?grep)/.test(option)) ? [] : ['--grep=@slow', '--invert'];
    // adjacent files are often of one kind and take about the same time
    const runs = Array.from({ length: cores }, (_, run) => files.filter((_, index) => index % cores === run));
    process.exitCode = inLanes
      ? await interruptible((signal) =>
          testInLanes(process.execPath, [...mocha, ...noSlow], { runs, lanes: cores, signal }),
        )
      : await testInOne(mocha, [...files, ...noSlow, ...options], coverage);
  } else {
    process.exitCode = inLanes
      ? await interruptible((signal) =>
          withShared((env) => testInLanes(process.execPath, mocha, { runs: runsOfAll(), lanes, env, signal }), signal),
        )
      : await testInOne(mocha, given, coverage);
  }
} catch (error) {
  exitWith(error);
}

/** Runs mocha once on this terminal. */
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
  return attached(process.execPath, [...(coverage ? [...c8, process.execPath] : []), ...mocha, ...specs], {
    cwd: root,
  });
}
