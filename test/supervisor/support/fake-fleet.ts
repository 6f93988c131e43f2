import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { banner } from '../../../src/supervisor/banner.js';
import { up, type RunningFleet, type UpOptions } from '../../../src/supervisor/up.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { eventually } from '../../support/eventually.js';

/** Runs `up` in this process, with child processes that only record their start and end. */
export class FakeFleet implements AsyncDisposable {
  readonly printed: string[] = [];
  readonly said: string[] = [];
  readonly #stop = new AbortController();
  readonly #force = new AbortController();

  private constructor(readonly directory: string) {}

  static async create(): Promise<FakeFleet> {
    return new FakeFleet(await mkdtemp(join(tmpdir(), 'flotilla-up-')));
  }

  static in(directory: string): FakeFleet {
    return new FakeFleet(directory);
  }

  get dataDir(): string {
    return join(this.directory, 'data');
  }

  get log(): string {
    return join(this.directory, 'log');
  }

  options(overrides: Partial<UpOptions> = {}): UpOptions {
    return {
      cwd: this.directory,
      dataDir: 'data',
      workers: ['inventory', 'payment'],
      parts: [],
      hasApi: true,
      hasSandbox: true,
      scale: {},
      host: '127.0.0.1',
      ports: { PORT: 0 },
      amqp: { amqpUrl: 'amqp://user:secret@127.0.0.1:1', managementUrl: 'http://user:secret@127.0.0.1:2' },
      mqtt: undefined,
      drainTimeout: 5000,
      program: fileURLToPath(new URL('fake-process.mjs', import.meta.url)),
      installer: '/nowhere',
      logger: silentLogger(),
      onReady: (running) => this.print(running),
      say: (line) => void this.said.push(line),
      signal: this.#stop.signal,
      forced: this.#force.signal,
      recovery: { allowed: false, wanted: false, prove: async () => [], refill: async () => undefined },
      ...overrides,
      env: { PATH: process.env.PATH, FAKE_LOG: this.log, ...overrides.env },
    };
  }

  print(running: RunningFleet): void {
    const rows = { Mailbox: `${running.urls.sandbox ?? 'none'}/mailbox` };
    this.printed.push(...banner({ ...running, cwd: this.directory, command: 'npx flotilla', rows }));
  }

  run(overrides: Partial<UpOptions> = {}): Promise<void> {
    return up(this.options(overrides));
  }

  stop(): void {
    this.#stop.abort(new Error('received SIGTERM'));
  }

  force(): void {
    this.#force.abort(new Error('again'));
  }

  async lines(): Promise<string[]> {
    const text = await readFile(this.log, 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  /** Resolves with the recorded lines once the condition passes. */
  until(passes: (lines: string[]) => boolean): Promise<string[]> {
    return eventually(async () => {
      const lines = await this.lines();
      if (!passes(lines)) throw new Error(`the processes wrote only: ${lines.join('; ')}`);
      return lines;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The number of lines that begin with `start`. */
export function count(lines: readonly string[], start: string): number {
  return lines.filter((line) => line.startsWith(start)).length;
}
