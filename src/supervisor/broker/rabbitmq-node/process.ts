import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { sleep } from '../../../concurrency/sleep.js';
import { promisify } from 'node:util';

const run = promisify(execFile);
const POLL_INTERVAL_MS = 50;

/** Whether process `pid` runs with `marker` on its command line: a process id alone may have been reused. */
export async function runsWith(pid: number, marker: string): Promise<boolean> {
  return (await commandLine(pid)).includes(marker);
}

async function commandLine(pid: number): Promise<string> {
  if (existsSync('/proc/self/cmdline')) {
    return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  }
  return run('ps', ['-p', String(pid), '-o', 'command='])
    .then(({ stdout }) => stdout)
    .catch(() => '');
}

/** Sends the signal; returns true if the process existed. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** Resolves with true when the process has ended, with false if it is still running after `limit` milliseconds. A
 *  process that has ended and is not yet reaped has no command line, so it counts as ended. */
export async function ended(pid: number, marker: string, limit: number): Promise<boolean> {
  const until = performance.now() + limit;
  while (await runsWith(pid, marker)) {
    if (performance.now() >= until) return false;
    await sleep(POLL_INTERVAL_MS);
  }
  return true;
}
