import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Milliseconds for a command of git. */
const GIT_TIMEOUT_MS = 30_000;

/** Resolves with the commit at which the current branch left `ref`. Rejects with the error of git if `ref` is unknown. */
export async function branchPoint(root: string, ref: string, signal: AbortSignal): Promise<string> {
  return (await runGit(root, ['merge-base', '--end-of-options', ref, 'HEAD'], '', signal)).trim();
}

/** Resolves with the output of a command of git. Rejects with its error message. */
export async function runGit(
  cwd: string,
  args: readonly string[],
  input: string,
  signal: AbortSignal,
): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(GIT_TIMEOUT_MS)]);
  const child = spawn('git', args, { cwd, signal: limit, stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close') as Promise<[code: number | null]>;
  // a git that fails reads no input, and its exit code is reported
  child.stdin.on('error', () => undefined).end(input);
  const [output, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (code !== 0) throw new Error(`git ${args[0] ?? ''}: ${complaint.trim() || `exit code ${String(code)}`}`);
  return output;
}
