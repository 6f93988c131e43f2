import { build } from 'esbuild';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { forEachParallel } from '../../src/concurrency/for-each-parallel.js';
import { countInstructions } from './count-instructions.js';
import {
  compare,
  countPerOperation,
  describeRegressions,
  format,
  operations,
  percent,
  refusal,
  type Compared,
  type Counted,
  type Environment,
  type Operation,
  type Recorded,
} from './figures.js';
import type { Size } from './workloads/workload.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const file = `${root}bench/guard/instructions.json`;
/** Runs of each operation, which show the spread. */
const RUNS = 2;
/** The count of one operation does not depend on the number of operations. */
const SIZES: Record<Operation, Size> = {
  message: { block: 100, blocks: 4 },
  append: { block: 100, blocks: 4 },
  request: { block: 40, blocks: 4 },
};

const USAGE = `usage: npm run bench -- --guard [${operations.join('|')}]... | --guard --record`;

/** Counts the instructions of each operation and compares them with the committed counts, or records them. Resolves
 *  with the exit code: 1 if a count grew beyond the tolerance, or cannot be compared. */
export async function guard(args: readonly string[]): Promise<number> {
  const record = args.includes('--record');
  const wanted = operations.filter((operation) => args.includes(operation));
  if (args.length > wanted.length + Number(record) || (record && wanted.length > 0)) {
    console.error(USAGE);
    return 2;
  }
  const environment: Environment = { node: process.versions.node, platform: `${process.platform}-${process.arch}` };
  const recorded = JSON.parse(await readFile(file, 'utf8')) as Recorded;
  const refused = record ? undefined : refusal(recorded, environment);
  if (refused !== undefined) {
    console.error(refused);
    return 1;
  }
  const compared = compare(recorded, await countAll(wanted.length === 0 ? operations : wanted));
  print(compared);
  if (record) {
    const instructions = Object.fromEntries(compared.map(({ operation, instructions: count }) => [operation, count]));
    await writeFile(file, `${JSON.stringify({ ...environment, instructions }, null, 2)}\n`);
    console.log(`\nRecorded in ${file}`);
    return 0;
  }
  const regressions = describeRegressions(compared);
  for (const line of regressions) console.error(`\nRegression: ${line}`);
  return regressions.length === 0 ? 0 : 1;
}

async function countAll(wanted: readonly Operation[]): Promise<Counted[]> {
  const program = await bundle();
  const counts: { operation: Operation; blocks: number[] }[] = [];
  const runs = Array.from({ length: RUNS }, () => wanted).flat();
  // other load on the machine does not change a count
  await forEachParallel(runs, availableParallelism(), async (operation) => {
    counts.push({ operation, blocks: await countInstructions(program, operation, SIZES[operation]) });
  });
  return wanted.map((operation) => {
    const own = counts.filter((each) => each.operation === operation).map(({ blocks }) => blocks);
    return countPerOperation(operation, SIZES[operation].block, own);
  });
}

/** Bundles the program of the workloads, which starts in a third of the instructions of its separate modules. Resolves
 *  with its path. */
async function bundle(): Promise<string> {
  const outdir = `${root}dist/guard`;
  await rm(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['bench/fixtures/guard-process.ts'],
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    conditions: ['flotilla-source'],
    external: ['better-sqlite3'],
    outExtension: { '.js': '.mjs' },
    // for the CommonJS modules in the bundle
    banner: { js: 'import{createRequire as forGuard}from"node:module";const require=forGuard(import.meta.url);' },
    logLevel: 'error',
  });
  return `${outdir}/guard-process.mjs`;
}

function print(compared: readonly Compared[]): void {
  console.log(`\n| Instructions of one | Counted | Spread | Recorded | Change |\n| --- | --- | --- | --- | --- |`);
  for (const { operation, instructions, spread, recorded, growth } of compared) {
    const change = `${growth > 0 ? '+' : ''}${percent(growth)}`;
    console.log(`| ${operation} | ${format(instructions)} | ${percent(spread)} | ${format(recorded)} | ${change} |`);
  }
}
