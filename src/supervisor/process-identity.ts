import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { sleep } from '../concurrency/sleep.js';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const POLL_INTERVAL_MS = 50;

/** The start time of a process, as reported by the system: the same pid with another start time is another process.
 *  Undefined if the process does not exist. */
export async function startOf(pid: number): Promise<string | undefined> {
  try {
    if (existsSync('/proc/self/stat')) {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // After the command in parentheses, which may contain any character: state is field 3, start time field 22.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    }
    const { stdout } = await execute('ps', ['-p', String(pid), '-o', 'lstart=']);
    return stdout.trim() === '' ? undefined : stdout.trim();
  } catch {
    return undefined;
  }
}

export async function isRunning(process: { pid: number; startedAt: string }): Promise<boolean> {
  return (await startOf(process.pid)) === process.startedAt;
}

/** Resolves with true when the process has ended, with false if it is still running after `limit` milliseconds. */
export async function hasEnded(process: { pid: number; startedAt: string }, limit: number): Promise<boolean> {
  const until = performance.now() + limit;
  while (await isRunning(process)) {
    if (performance.now() >= until) return false;
    await sleep(POLL_INTERVAL_MS);
  }
  return true;
}
