import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const TIMEOUT_MS = 2000;

/** Returns a command for operators that names the program that listens on a TCP port; on Linux and macOS. */
export function listenerCommand(port: number): string {
  return `lsof -nP -iTCP:${port} -sTCP:LISTEN`;
}

/** Describes the program that listens on a TCP port of this machine, as `nginx (pid 4711)`, or the command that names
 *  it if it belongs to another user or the system has no `ss`. */
export async function describeListener(port: number): Promise<string> {
  try {
    const { stdout } = await execute('ss', ['-Hltnp', `sport = :${port}`], { timeout: TIMEOUT_MS });
    const [, program, pid] = /\("([^"]*)",pid=(\d+)/.exec(stdout) ?? [];
    if (program !== undefined) return `${program} (pid ${pid})`;
  } catch {
    // described below
  }
  return `another program (find it with: ${listenerCommand(port)})`;
}
