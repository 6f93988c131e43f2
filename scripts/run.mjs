import { spawn } from 'node:child_process';
import { interruptible } from './interruptible.mjs';
import { SetupError } from './step.mjs';

/** Runs a program and resolves with its output. Throws `SetupError` with an excerpt of the output if the program
 *  cannot be started or its exit code is not 0. */
export async function run(command, args, { cwd, env } = {}) {
  const { code, output } = await capture(command, args, { cwd, env });
  if (code !== 0) throw new SetupError(`${[command, ...args].join(' ')} failed (${code}):\n${excerpt(output)}`);
  return output;
}

/** Returns the first and the last lines, which usually contain the cause of a failure. */
function excerpt(output) {
  const lines = output.trim().split('\n');
  return (lines.length <= 40 ? lines : [...lines.slice(0, 15), '…', ...lines.slice(-25)]).join('\n');
}

/** Runs a program and resolves with its exit code and its output. The code is -1 if the program cannot be started. When
 *  `signal` aborts, interrupts the program and resolves when it has ended. A program that prints nothing for
 *  `silenceLimit` milliseconds is killed: `isKilled`. */
export function capture(command, args, { cwd, env, signal, silenceLimit } = {}) {
  return new Promise((resolve) => {
    const chunks = [];
    let isKilled = false;
    let timer;
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && command === 'npm',
    });
    interruptBy(signal, child);
    const watch = () => {
      clearTimeout(timer);
      if (silenceLimit === undefined || isKilled) return;
      timer = setTimeout(() => {
        isKilled = child.kill('SIGKILL');
        // processes that it has started may keep the pipes open
        child.stdout.destroy();
        child.stderr.destroy();
      }, silenceLimit);
    };
    const keep = (chunk) => {
      chunks.push(chunk);
      watch();
    };
    watch();
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: -1, output: error.message, isKilled });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, output: Buffer.concat(chunks).toString(), isKilled });
    });
  });
}

/** Runs a program on this terminal and resolves with its exit code. SIGINT and SIGTERM interrupt the program, and this
 *  process waits until it has ended. */
export function attached(command, args, { cwd, env } = {}) {
  return interruptible(
    (signal) =>
      new Promise((resolve, reject) => {
        const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' });
        interruptBy(signal, child);
        child.on('error', reject);
        child.on('close', (code, killedBy) => resolve(code ?? (killedBy === null ? 1 : 128)));
      }),
  );
}

/** Always sends SIGINT, because mocha does not pass SIGTERM on to its process. */
function interruptBy(signal, child) {
  const interrupt = () => child.kill('SIGINT');
  signal?.addEventListener('abort', interrupt);
  child.on('close', () => signal?.removeEventListener('abort', interrupt));
}
