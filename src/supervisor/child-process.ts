import { fork, type ChildProcess } from 'node:child_process';
import { sleep } from '../concurrency/sleep.js';
import { z } from 'zod';
import { errors, FlotillaError, isErrorCode, type ErrorCode } from '../errors.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import { startOf } from './process-identity.js';
import { formatDuration } from '../duration.js';
import { watchAnswers } from './watch-answers.js';

/** The messages of a process to its supervisor: it is ready, or a restart would not help. */
const message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), url: z.string().optional() }),
  z.object({ type: z.literal('fatal'), code: z.string().refine(isErrorCode), detail: z.string() }),
]);
type Message = z.infer<typeof message>;

/** Notifies the supervisor that started this process, if any, that it is ready. */
export function announceReady({ url }: { url?: string } = {}): void {
  process.send?.({ type: 'ready', ...(url !== undefined && { url }) } satisfies Message);
}

/** Notifies the supervisor why this process ends, if a restart would end in the same way. Returns false without a
 *  supervisor, or if a restart may help. */
export function announceFailure(error: unknown): boolean {
  if (process.send === undefined || !(error instanceof FlotillaError) || error.disposal !== 'fatal') return false;
  const detail = error.message.slice(errors[error.code].message.length).replace(/^[:.] ?/, '');
  process.send({ type: 'fatal', code: error.code, detail } satisfies Message);
  return true;
}

export interface ChildSpec {
  name: string;
  /** The program to fork, and its arguments. */
  program: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
}

export interface ChildOptions {
  logger: Logger;
  /** Called whenever pid, url or readiness change. */
  onChange: () => void;
  /** Called when the process ends and a restart would not help: it has reported so, or its usage was wrong (exit code
   *  2). */
  onFatal: (error: Error) => void;
  /** Milliseconds until a process that ended is restarted; doubles with each end, up to `longest`, and is reset when a
   *  process has run for `longest`. */
  backoff?: { first: number; longest: number };
  /** Milliseconds between two checks whether the process answers. @default 16000 */
  answerInterval?: number;
}

const ANSWER_INTERVAL_MS = 16_000;

/** Exit code of a process with an invalid configuration. */
const WRONG_USE = 2;

/** Keeps one process running: restarts it when it ends, until it is stopped. */
export class SupervisedProcess {
  readonly name: string;
  #child: ChildProcess | undefined;
  #startedAt = '';
  #url: string | undefined;
  #ready = false;
  #fatal: { code: ErrorCode; detail: string } | undefined;
  #starts = 0;
  /** That it does not answer or has ended, until it or its successor answers. */
  readonly #faults: FaultLog;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    private readonly spec: ChildSpec,
    private readonly options: ChildOptions,
  ) {
    this.name = spec.name;
    this.#faults = new FaultLog(options.logger);
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts;
  }

  /** The current process; undefined between two starts. */
  get state(): { name: string; pid: number; startedAt: string; url?: string } | undefined {
    const pid = this.#child?.pid;
    if (pid === undefined) return undefined;
    return { name: this.name, pid, startedAt: this.#startedAt, ...(this.#url !== undefined && { url: this.#url }) };
  }

  start(): void {
    this.#running ??= this.#keepRunning();
  }

  /** Ends it with SIGTERM, and with SIGKILL if it takes longer than `limit` milliseconds or `force` aborts. Resolves
   *  when it has ended; it is not restarted. */
  async stop(limit: number, force?: AbortSignal): Promise<void> {
    this.#stopping.abort();
    this.#child?.kill('SIGTERM');
    const done = new AbortController();
    const impatient = sleep(limit, anyOf(done.signal, force));
    const ended = (this.#running ?? Promise.resolve()).then(() => done.abort());
    await Promise.race([ended, impatient]);
    if (!done.signal.aborted) {
      this.options.logger.warn('a process did not end in time and was killed', { child: this.name });
      this.#child?.kill('SIGKILL');
    }
    await ended;
  }

  async #keepRunning(): Promise<void> {
    const { first, longest } = this.options.backoff ?? { first: 500, longest: 30_000 };
    let delay = first;
    while (!this.#stopping.signal.aborted) {
      const began = performance.now();
      const how = await this.#runOnce();
      if (this.#stopping.signal.aborted) return;
      if (this.#fatal !== undefined || how.code === WRONG_USE) {
        const { code, detail } = this.#fatal ?? { code: 'config.invalid', detail: 'see its output above' };
        this.options.onFatal(new FlotillaError(code, detail === '' ? this.name : `${this.name}: ${detail}`));
        return;
      }
      if (performance.now() - began >= longest) delay = first;
      this.#faults.failed(
        'a process ended and is being restarted',
        { child: this.name, exitCode: how.code, signal: how.signal, error: how.error, in: formatDuration(delay) },
        // each end with a longer delay is logged, also if the process was not ready in between
        `${String(how.error ?? how.signal ?? how.code)} ${delay}`,
      );
      await sleep(delay, this.#stopping.signal);
      delay = Math.min(delay * 2, longest);
    }
  }

  async #runOnce(): Promise<{ code?: number; signal?: string; error?: string }> {
    const { program, args, env } = this.spec;
    this.#starts += 1;
    // A failpoint is for the first start only: it would also end every later one.
    const effective = this.#starts === 1 ? env : { ...env, FLOTILLA_FAILPOINT: '' };
    const child = fork(program, [...args], {
      env: effective,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A separate process group: Ctrl-C is for the supervisor, which ends its processes in order.
      detached: process.platform !== 'win32',
    });
    const ended = new Promise<{ code?: number; signal?: string; error?: string }>((resolve) => {
      child.once('error', (error) => resolve({ error: error.message }));
      child.once('exit', (code, signal) =>
        resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }) }),
      );
    });
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#stopping.signal]);
    child.on('message', (sent) => this.#receive(sent, signal));
    this.#child = child;
    this.#startedAt = (child.pid === undefined ? undefined : await startOf(child.pid)) ?? '';
    this.options.onChange();
    const how = await ended;
    over.abort();
    this.#child = undefined;
    this.#ready = false;
    this.#url = undefined;
    this.options.onChange();
    return how;
  }

  /** `signal` aborts when the process ends or is stopped. */
  #receive(sent: unknown, signal: AbortSignal): void {
    const { data } = message.safeParse(sent);
    if (data?.type === 'fatal') this.#fatal = data;
    if (data?.type !== 'ready') return;
    this.#ready = true;
    this.#url = data.url;
    this.#faults.recovered('a process is ready again', { child: this.name, pid: this.#child?.pid });
    this.options.onChange();
    if (data.url === undefined) return;
    const { answerInterval: interval = ANSWER_INTERVAL_MS } = this.options;
    const watched = { name: this.name, pid: this.#child?.pid, url: data.url };
    void watchAnswers(watched, { fault: this.#faults, interval, signal });
  }
}

function anyOf(first: AbortSignal, second: AbortSignal | undefined): AbortSignal {
  return second === undefined ? first : AbortSignal.any([first, second]);
}
