import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process that a benchmark has started. */
export interface BenchProcess {
  readonly url: string;
  readonly pid: number;
  /** Sends a call to the program, and resolves with its reply. Rejects after two minutes, and when the process ends. */
  call: (name: string, ...args: unknown[]) => Promise<unknown>;
  /** Kills the process; resolves when it has exited. */
  kill: () => Promise<void>;
  /** Stops the process, with a kill after 20 seconds; resolves when it has exited. */
  stop: () => Promise<void>;
}

const PATIENCE = 20_000;
const CALL_LIMIT_MS = 120_000;
const root = fileURLToPath(new URL('../..', import.meta.url));
/** The logs are discarded, but writing them is part of the measured work. */
const stdio = ['ignore', 'ignore', 'ignore', 'ipc'] as const;

/** The messages of a program: it is ready, it ends because of an error, or it replies to a call. */
type Message = { type: 'ready'; url?: string } | { type: 'failed'; message: string } | ({ type: 'reply' } & Reply);
interface Reply {
  id: number;
  value?: unknown;
  error?: string;
}

/** Starts a program, by its path in the checkout. Resolves when it reports that it is ready. */
export async function startProgram(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<BenchProcess> {
  const child = fork(`${root}${path}`, [...args], {
    cwd: root,
    execArgv: path.endsWith('.ts') ? process.execArgv : [],
    env: { PATH: process.env.PATH, ...env },
    stdio: [...stdio],
  });
  const ended = once(child, 'exit');
  let failure: string | undefined;
  const exit = ended.then(([code]) => {
    throw new Error(failure ?? `${path} ${args.join(' ')} exited with ${String(code)}`);
  });
  exit.catch(() => undefined); // reported by those who wait for it
  const replies = new Map<number, (reply: Reply) => void>();
  const ready = new Promise<string>((resolve) => {
    child.on('message', (message: Message) => {
      if (message.type === 'ready') resolve(message.url ?? '');
      if (message.type === 'failed') failure = message.message;
      if (message.type === 'reply') replies.get(message.id)?.(message);
    });
  });
  const url = await Promise.race([ready, exit]);
  let calls = 0;
  const call = async (name: string, ...args: unknown[]) => {
    const id = ++calls;
    const limit = AbortSignal.timeout(CALL_LIMIT_MS);
    const replied = new Promise<Reply>((resolve, reject) => {
      replies.set(id, resolve);
      limit.addEventListener('abort', () => reject(new Error(`no reply to ${name} within ${CALL_LIMIT_MS / 1000} s`)));
    });
    child.send({ id, call: name, args });
    const { value, error } = await Promise.race([replied, exit]).finally(() => replies.delete(id));
    if (error !== undefined) throw new Error(error);
    return value;
  };
  const end = async (signal: NodeJS.Signals) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
    child.kill(signal);
    await ended;
    clearTimeout(timer);
  };
  return { url, pid: child.pid ?? 0, call, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

/** Starts a process of the platform's fleet as `bin/flotilla` does: `api`, `worker payment`, `sandbox`. */
export function startFlotilla(args: readonly string[], env: NodeJS.ProcessEnv): Promise<BenchProcess> {
  return startProgram('dist/src/cli/main.js', args, env);
}

/** Figures that a process reports at /metrics. */
export interface Footprint {
  /** Seconds of CPU since its start. */
  cpu: number;
  /** Resident memory, in bytes. */
  rss: number;
}

export async function footprintOf({ url }: Pick<BenchProcess, 'url'>): Promise<Footprint> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return { cpu: read('process_cpu_seconds_total'), rss: read('process_resident_memory_bytes') };
}
