import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { root } from './root.mjs';
import { capture } from './run.mjs';
import { say, seconds } from './step.mjs';

/** Folders of `test/` that share one run, the longest run first. The others run one folder after the other in a last run. */
const RUNS = [
  ['chaos'],
  ['cli', 'supervisor'],
  ['broker', 'relay', 'log', 'journal'],
  ['worker', 'dead-letters', 'replay'],
];

/** Runs every test folder, several at a time: each run is a process with a RabbitMQ and files of its own. Prints the output of
 *  each run when it ends, then the totals in mocha's words. Resolves with the exit code. */
export async function testInLanes(command, args, { lanes = Math.min(2, availableParallelism()) } = {}) {
  const started = performance.now();
  const folders = readdirSync(join(root, 'test'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const named = new Set(RUNS.flat());
  const queue = [...RUNS, folders.filter((name) => !named.has(name))].map((names) =>
    names.filter((name) => folders.includes(name)).map((name) => `test/${name}/**/*.test.ts`),
  );
  const totals = { passing: 0, pending: 0, failing: 0 };
  let code = 0;
  const lane = async () => {
    for (let specs = queue.shift(); specs !== undefined; specs = queue.shift()) {
      say(`Running ${specs.length === 1 ? specs[0] : `${specs[0]} and ${specs.length - 1} more folders`}`);
      const run = await capture(command, [...args, ...specs], { cwd: root });
      process.stdout.write(run.output);
      if (run.code !== 0) code = 1;
      for (const key of Object.keys(totals)) totals[key] += countOf(run.output, key);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  process.stdout.write(`\nAll runs\n\n  ${totals.passing} passing (${seconds(started)})\n`);
  if (totals.pending > 0) process.stdout.write(`  ${totals.pending} pending\n`);
  if (totals.failing > 0) process.stdout.write(`  ${totals.failing} failing\n`);
  return code;
}

/** The number that mocha's summary gives: `  12 passing (3s)`. */
function countOf(output, word) {
  // eslint-disable-next-line no-control-regex
  const plain = output.replace(/\u001b\[[0-9;]*m/g, '');
  return Number(new RegExp(`^ {2}(\\d+) ${word}\\b`, 'm').exec(plain)?.[1] ?? 0);
}
