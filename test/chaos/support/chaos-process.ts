import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { patience } from '../../support/patience.js';

/** The root folder of the checkout. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = `${root}dist/src/cli/main.js`;

/** The maximum length of recorded output, in characters; older output is discarded. */
const MEMORY = 400_000;

const READY_LIMIT = 60_000;

const { PATH, NODE_COMPILE_CACHE } = process.env;

/** One process of a fleet, started like by `flotilla up`; it ends when this process ends. */
export class ChaosProcess {
  /** The URL of the process, once it is ready. */
  url = '';
  readonly #child: ChildProcess;
  readonly #exit: Promise<string>;
  readonly #ready: Promise<void>;
  #said = '';

  constructor(
    readonly role: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    this.#child = fork(program, [...args], {
      cwd: root,
      env: { PATH, NODE_COMPILE_CACHE, LOG_LEVEL: 'info', LOG_FORMAT: 'json', HEALTH_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
    });
    const append = (chunk: Buffer) => (this.#said = (this.#said + chunk.toString()).slice(-MEMORY));
    this.#child.stdout?.on('data', append);
    this.#child.stderr?.on('data', append);
    this.#exit = once(this.#child, 'exit').then(([code, signal]) => String(signal ?? code));
    this.#ready = new Promise<void>((resolve) =>
      this.#child.on('message', (message: { type?: string; url?: string }) => {
        if (message.type !== 'ready') return;
        this.url = message.url ?? '';
        resolve();
      }),
    );
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The latest output. */
  get said(): string {
    return this.#said;
  }

  /** Resolves when the process reports that it is ready; rejects when it ends earlier or exceeds the limit. */
  async ready(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>(
      (resolve) => (timer = setTimeout(() => resolve('took too long'), READY_LIMIT * patience())),
    );
    const how = await Promise.race([this.#ready, this.#exit.then((end) => `ended with ${end}`), late]);
    clearTimeout(timer);
    if (how !== undefined) throw new Error(`${this.role} ${how} before it was ready:\n${this.said.slice(-2000)}`);
  }

  /** Resolves with the signal or exit code of the process. */
  exit(): Promise<string> {
    return this.#exit;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  /** Stops the process cleanly, or kills it after `limit` milliseconds. Resolves with the signal or exit code. */
  async stop(limit = 30_000): Promise<string> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), limit * patience());
    this.#child.kill('SIGTERM');
    const how = await this.#exit;
    clearTimeout(timer);
    return how;
  }
}
