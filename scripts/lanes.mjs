import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root } from './root.mjs';
import { capture } from './run.mjs';
import { say, seconds } from './step.mjs';

/** Prefixes of paths in `test/` that share one run, the longest run first: the last runs are short, so that all
 *  processes finish at about the same time. Of two that take the same time, the one that waits more is first: the
 *  processor time that it leaves is only of use to others that run. The other tests form a last run. */
const RUNS = [
  // the files share one cluster, and wait for its nodes most of the time
  [
    'chaos/cluster',
    'broker/rabbitmq/cluster',
    'broker/rabbitmq/cluster-failover',
    'observability/broker/cluster-status',
  ],
  ['cli'],
  ['chaos/failpoints', 'chaos/random-kills', 'chaos/sagas', 'chaos/switch'],
  ['chaos'],
  ['docs', 'project/package.test'], // both need the packed package
  ['kafka', 'windows'], // the files of kafka share one node, and wait for it most of the time
  ['worker'],
  ['supervisor', 'documents'],
  ['platform', 'workers', 'testing'],
  ['project', 'examples', 'observability', 'runtime'],
  ['broker', 'client'],
  ['dead-letters', 'replay'],
  ['store', 'contract', 'projections', 'sagas'],
  ['outbox', 'event-log', 'journal'],
];

/** Returns the test files of each run of the whole suite, in the order of the prefixes. */
export function runsOfAll() {
  const left = new Set(
    readdirSync(join(root, 'test'), { recursive: true })
      .filter((path) => path.endsWith('.test.ts'))
      .sort(),
  );
  const take = (beginning) => {
    const files = [...left].filter((path) => path.startsWith(`${beginning}${sep}`) || path.startsWith(`${beginning}.`));
    for (const file of files) left.delete(file);
    return files;
  };
  const runs = RUNS.map((beginnings) => beginnings.flatMap((beginning) => take(join(beginning))));
  return [...runs, [...left]].map((files) => files.map((file) => join('test', file)));
}

/** No test takes as long, on a slow machine either. */
const SILENCE_LIMIT_MS = 15 * 60_000;

/** Runs the specs of each run in a process, several at a time. Prints the output of each run when it ends, then every
 *  failure and pending test once more, and the totals in mocha's words. A run that prints nothing for `silenceLimit`
 *  milliseconds is killed and counts as a failure. When `signal` aborts, interrupts the processes and starts no further run.
 *  Resolves with the exit code. */
export async function testInLanes(command, args, { runs, lanes, env, signal, silenceLimit = SILENCE_LIMIT_MS }) {
  const started = performance.now();
  const queue = [...runs];
  const totals = { passing: 0, pending: 0, failing: 0 };
  const failures = [];
  const pending = [];
  let code = 0;
  const lane = async () => {
    for (let specs = queue.shift(); specs !== undefined && !signal.aborted; specs = queue.shift()) {
      say(`Running ${specs.length === 1 ? specs[0] : `${specs[0]} and ${specs.length - 1} more`}`);
      const run = await capture(command, [...args, ...specs], { cwd: root, env, signal, silenceLimit });
      process.stdout.write(run.output);
      if (run.code !== 0) code ||= 1;
      const plain = stripVTControlCharacters(run.output);
      for (const key of Object.keys(totals)) totals[key] += countOf(plain, key);
      const [tests, failed = ''] = plain.split(/^(?= {2}\d+ failing$)/m);
      pending.push(...(tests.match(/^ {4,}- .*$/gm) ?? []));
      if (failed !== '') failures.push(failed);
      if (run.isKilled) {
        totals.failing += 1;
        failures.push(`  ${specs[0]} and the files after it: no output for ${silenceLimit / 1000} s, killed\n`);
      }
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

/** Returns the number in a line of mocha's summary, such as `  12 passing (3s)`. */
function countOf(output, word) {
  return Number(new RegExp(`^ {2}(\\d+) ${word}\\b`, 'm').exec(output)?.[1] ?? 0);
}
