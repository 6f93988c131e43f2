import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';

export interface Place {
  cwd: string;
  env: NodeJS.ProcessEnv;
}

/** A shell that runs commands one after the other, and keeps its folder and variables between them. */
export class Terminal {
  readonly #shell: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  #output = '';
  #cwd: string;

  constructor({ cwd, env }: Place) {
    this.#cwd = cwd;
    this.#shell = shell(['--noprofile', '--norc'], { cwd, env });
    this.#closed = once(this.#shell, 'close');
    this.#shell.stdout.on('data', (chunk) => (this.#output += String(chunk)));
    this.#shell.stdin.write('exec 2>&1\nset -eo pipefail\n');
  }

  get cwd(): string {
    return this.#cwd;
  }

  /** Runs commands and resolves with their output. Rejects with it when one of them fails. */
  async run(commands: string): Promise<string> {
    const end = `end-${randomUUID()}`;
    this.#output = '';
    const done = Promise.race([
      this.#closed.then(() => {
        throw new Error(`a command failed:\n${commands}\n\n${this.#output}`);
      }),
      new Promise<void>((resolve) => {
        const look = () => {
          if (!this.#output.endsWith(`${end}\n`)) return;
          this.#shell.stdout.off('data', look);
          resolve();
        };
        this.#shell.stdout.on('data', look);
      }),
    ]);
    const quoted = `'${commands.replaceAll("'", `'\\''`)}'`;
    this.#shell.stdin.write(`eval ${quoted} </dev/null\nprintf '\\n%s\\n%s\\n' "$PWD" ${end}\n`);
    await done;
    const lines = this.#output.split('\n');
    this.#cwd = lines.at(-3) ?? this.#cwd;
    return lines.slice(0, -3).join('\n');
  }

  async close(): Promise<void> {
    await ended(this.#shell, 'SIGKILL');
  }
}

/** A terminal in which a program runs until it is interrupted. */
export class RunningCommand {
  readonly #shell: ChildProcessWithoutNullStreams;
  output = '';

  constructor(commands: string, place: Place) {
    this.#shell = shell(['--noprofile', '--norc', '-ec', commands], place);
    for (const stream of [this.#shell.stdout, this.#shell.stderr]) {
      stream.on('data', (chunk) => (this.output += String(chunk)));
    }
  }

  get hasEnded(): boolean {
    return this.#shell.exitCode !== null || this.#shell.signalCode !== null;
  }

  /** Sends SIGINT to all processes of the terminal, as Ctrl-C does, and resolves when its output has ended. */
  async interrupt(): Promise<void> {
    await ended(this.#shell, 'SIGINT');
  }

  async kill(): Promise<void> {
    await ended(this.#shell, 'SIGKILL');
  }
}

/** A shell whose processes form a group of their own. */
function shell(args: readonly string[], { cwd, env }: Place): ChildProcessWithoutNullStreams {
  return spawn('bash', args, { cwd, env, detached: true });
}

async function ended(program: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null || program.pid === undefined) return;
  const closed = once(program, 'close');
  process.kill(-program.pid, signal);
  await closed;
}
