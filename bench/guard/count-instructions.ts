import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Operation } from './figures.js';
import { MARK_FUNCTION, type Size } from './workloads/workload.js';

/**
 * Options of V8 that make the count the same in every run. Functions are compiled once, by the baseline compiler at
 * their first call: the optimizing compilers decide by counters which functions to inline, so that a change of a few
 * bytes can move a count. The young generation is large enough for the whole run, so that no collection is in a block.
 */
const V8_OPTIONS = [
  '--predictable',
  '--single-threaded',
  '--always-sparkplug',
  '--no-opt',
  '--no-maglev',
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
  '--hash-seed=1',
  '--random-seed=1',
];

/** Runs the workload of an operation in a process under valgrind. Resolves with the number of instructions of each block
 *  but the first, which includes the start of the process. `program` is the compiled program of the workloads. */
export async function countInstructions(program: string, operation: Operation, size: Size): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-guard-'));
  const errors = join(folder, 'errors.log');
  const output = openSync(errors, 'w');
  const valgrind = [
    '--tool=callgrind',
    `--callgrind-out-file=${folder}/counts`,
    `--dump-before=${MARK_FUNCTION}`,
    // the code that V8 compiles replaces earlier code at the same addresses
    '--smc-check=all-non-file',
    `--log-file=${folder}/valgrind.log`,
  ];
  const workload = [program, operation, String(size.block), String(size.blocks), folder];
  try {
    const child = spawn('valgrind', [...valgrind, process.execPath, ...V8_OPTIONS, ...workload], {
      // nothing of the caller's environment, such as NODE_OPTIONS or a compile cache; one thread for files
      env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '1' },
      stdio: ['ignore', 'ignore', output],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    const counts = await readCounts(folder);
    // the last file is of the end of the process
    if (code === 0 && counts.length >= size.blocks) return counts.slice(1, size.blocks);
    throw new Error(`${operation} exited with ${code}: ${(await readFile(errors, 'utf8')).slice(-2_000)}`);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error;
    throw new Error('valgrind is not installed (Debian and Ubuntu: apt-get install valgrind)', { cause: error });
  } finally {
    closeSync(output);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The totals of the numbered files that valgrind writes at the marks. */
async function readCounts(folder: string): Promise<number[]> {
  const numbers = (await readdir(folder))
    .flatMap((name) => /^counts\.(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const files = await Promise.all(numbers.map((number) => readFile(`${folder}/counts.${number}`, 'utf8')));
  return files.map((text) => Number(/^totals: (\d+)/m.exec(text)?.[1]));
}
