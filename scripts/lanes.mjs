import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root } from './root.mjs';
import { capture } from './run.mjs';
import { say, seconds } from './step.mjs';

/** Folders of `test/` that share one run, the longest run first. The others run one folder after the other in a last run. */
const RUNS = [
  ['chaos'],
  ['docs'],
  ['cli'],
  ['worker'],
  ['dead-letters', 'replay'],
  ['project', 'examples', 'observability', 'runtime'],
  ['store', 'contract', 'projections', 'sagas'],
  ['supervisor'],
  ['broker'],
  ['outbox', 'event-log', 'journal'],
];

/** The specs of each run of the whole suite. */
export function runsOfAll() {
  const folders = readdirSync(join(root, 'test'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const named = new Set(RUNS.flat());
  const runs = [...RUNS, folders.filter((name) => !named.has(name))].map((names) =>
    names.filter((name) => folders.includes(name)).map((name) => `test/${name}/**/*.test.ts`),
  );
  runs.at(-1)?.push('test/*.test.ts');
  return runs;
}

/** Runs the specs of each run, several runs at a time: each is a process with a RabbitMQ and files of its own. Prints the output
 *  of each run when it ends, then every failure and pending test once more, and the totals in mocha's words. Resolves with the
 *  exit code. */
export async function testInLanes(command, args, runs, lanes) {
  const started = performance.now();
  const queue = [...runs];
  const totals = { passing: 0, pending: 0, failing: 0 };
  const failures = [];
  const pending = [];
  let code = 0;
  const lane = async () => {
    for (let specs = queue.shift(); specs !== undefined; specs = queue.shift()) {
      say(`Running ${specs.length === 1 ? specs[0] : `${specs[0]} and ${specs.length - 1} more`}`);
      const run = await capture(command, [...args, ...specs], { cwd: root });
      process.stdout.write(run.output);
      if (run.code !== 0) code = 1;
      const plain = stripVTControlCharacters(run.output);
      for (const key of Object.keys(totals)) totals[key] += countOf(plain, key);
      const [tests, failed = ''] = plain.split(/^(?= {2}\d+ failing$)/m);
      pending.push(...(tests.match(/^ {4,}- .*$/gm) ?? []));
      if (failed !== '') failures.push(failed);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (pending.length > 0) process.stdout.write(`\nPending tests\n\n${pending.join('\n')}\n`);
  if (failures.length > 0) process.stdout.write(`\nFailures of all runs\n\n${failures.join('\n')}`);
  process.stdout.write(`\nAll runs\n\n  ${totals.passing} passing (${seconds(started)})\n`);
  if (totals.pending > 0) process.stdout.write(`  ${totals.pending} pending\n`);
  if (totals.failing > 0) process.stdout.write(`  ${totals.failing} failing\n`);
  return code;
}

/** The number that mocha's summary gives: `  12 passing (3s)`. */
function countOf(output, word) {
  return Number(new RegExp(`^ {2}(\\d+) ${word}\\b`, 'm').exec(output)?.[1] ?? 0);
}
