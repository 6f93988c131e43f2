import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const TIMEOUT_MS = 2000;

/** The program that listens on a TCP port of this machine, as `nginx (pid 4711)`. Undefined if it cannot be determined:
 *  it belongs to another user, or the system has no `ss`. */
export async function listenerOf(port: number): Promise<string | undefined> {
  try {
    const { stdout } = await execute('ss', ['-Hltnp', `sport = :${port}`], { timeout: TIMEOUT_MS });
    const [, program, pid] = /\("([^"]*)",pid=(\d+)/.exec(stdout) ?? [];
    return program === undefined ? undefined : `${program} (pid ${pid})`;
  } catch {
    return undefined;
  }
}
