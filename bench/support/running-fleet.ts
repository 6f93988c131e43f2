import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/supervisor/broker/rabbitmq-node/ports.js';
import { readFleetState } from '../../src/supervisor/fleet-state.js';
import { eventually } from '../../test/support/eventually.js';

/** Milliseconds in which a fleet must be running, and in which it must have stopped. */
const START_LIMIT_MS = 300_000;
const STOP_LIMIT_MS = 60_000;
/** Milliseconds until a fleet must have handled its messages. */
const QUIET_LIMIT_MS = 120_000;
/** The kernel counts CPU time in hundredths of a second on every architecture. */
const TICK_MS = 10;

/** The whole fleet, with a private RabbitMQ, as `npm start` runs it. */
export interface RunningFleet {
  readonly api: string;
  readonly amqpUrl: string;
  /** The name and the process id of each process, RabbitMQ included. */
  readonly processes: ReadonlyMap<string, number>;
  /** Returns the sum of a metric over all processes and labels; undefined if no process has it. */
  metric(name: string): Promise<number | undefined>;
  /** Returns how many messages clients have published, and queues have delivered. The broker updates it every five
   *  seconds. */
  messages(): Promise<{ published: number; delivered: number }>;
  stop(): Promise<void>;
}

/** Starts the fleet of a checkout, with its data in an empty folder. */
export async function startFleet(checkout: string, folder: string, args: readonly string[]): Promise<RunningFleet> {
  const ports = new Set<number>();
  for (let n = 0; n < 3; n += 1) ports.add(await freePort(undefined, ports));
  const [port, sandboxPort, smtpPort] = [...ports].map(String);
  const child = spawn(process.execPath, [join(checkout, 'bin', 'flotilla'), 'up', ...args], {
    cwd: checkout,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATA_DIR: folder,
      PORT: port,
      SANDBOX_PORT: sandboxPort,
      SANDBOX_SMTP_PORT: smtpPort,
      LOG_FORMAT: 'text',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const stop = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(timer);
  };
  try {
    await Promise.race([
      running(child.stdout),
      ended.then(([code]) => Promise.reject(new Error(`the fleet in ${checkout} exited with ${String(code)}`))),
    ]);
    const state = await readFleetState(folder);
    if (state === undefined) throw new Error(`the fleet in ${checkout} has recorded no processes`);
    const management = (path: string) => getJson(state.managementUrl, path);
    const pids = state.processes.map(({ name, pid }) => [name, pid] as const);
    const urls = state.processes.flatMap(({ url }) => url ?? []);
    return {
      api: `http://127.0.0.1:${port}`,
      amqpUrl: state.amqpUrl,
      processes: new Map([['RabbitMQ', await brokerPid(state.managementUrl)], ['supervisor', child.pid ?? 0], ...pids]),
      metric: (name) => sumOf(urls, name),
      async messages() {
        const { message_stats: stats = {} } = (await management('/overview')) as {
          message_stats?: { publish?: number; deliver?: number };
        };
        return { published: stats.publish ?? 0, delivered: stats.deliver ?? 0 };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function running(output: NodeJS.ReadableStream): Promise<void> {
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  for await (const line of createInterface({ input: output, signal: limit })) {
    if (!line.startsWith('Flotilla is running')) continue;
    output.resume();
    return;
  }
  throw new Error('the fleet was not running in time');
}

/** Returns the process id of the only RabbitMQ node. Its management API reports it some seconds after the start. */
export async function brokerPid(managementUrl: string): Promise<number> {
  return eventually('the process id of RabbitMQ', async () => {
    const [node] = (await getJson(managementUrl, '/nodes')) as { os_pid?: string }[];
    return Number(node?.os_pid) || undefined;
  });
}

/** Reads from the management API of RabbitMQ. */
export async function getJson(managementUrl: string, path: string): Promise<unknown> {
  const { origin, pathname, username, password } = new URL(managementUrl);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const response = await fetch(`${origin}${pathname.replace(/\/$/, '')}/api${path}`, { headers: { authorization } });
  if (!response.ok) throw new Error(`GET ${path}: ${response.status}`);
  return response.json();
}

async function sumOf(urls: readonly string[], name: string): Promise<number | undefined> {
  const samples = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm');
  const texts = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  const values = texts.flatMap((text) => [...text.matchAll(samples)].map(([, value]) => Number(value)));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** Returns the milliseconds of CPU time that a process has used. */
export async function cpuOf(pid: number): Promise<number> {
  const { own } = await timesOf(pid);
  return own;
}

/** Returns the milliseconds of CPU time that a process and its children have used. */
export async function cpuWithChildren(pid: number): Promise<number> {
  const parent = await timesOf(pid);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const others = await Promise.all(pids.map((each) => timesOf(Number(each)).catch(() => undefined)));
  const children = others.flatMap((times) => (times?.parent === pid ? times.own : []));
  return children.reduce((sum, time) => sum + time, parent.own + parent.ended);
}

/** The process id of the parent, and the milliseconds of CPU time of a process and of its ended children. */
async function timesOf(pid: number) {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // the name of the process, in parentheses, may contain spaces
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = (first: number) => (Number(fields[first]) + Number(fields[first + 1])) * TICK_MS;
  return { parent: Number(fields[1]), own: ticks(11), ended: ticks(13) };
}

/** Returns the resident memory of a process in MiB. */
export async function memoryOf(pid: number): Promise<number> {
  const [, pages] = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ');
  return (Number(pages) * 4096) / 2 ** 20;
}

/** Resolves when all processes together have used less than 0.4 s of CPU time within a second. Rejects after two
 *  minutes. */
export async function quiet({ processes }: RunningFleet): Promise<void> {
  const deadline = performance.now() + QUIET_LIMIT_MS;
  const used = async () => {
    const times = await Promise.all([...processes].map(([, pid]) => cpuOf(pid)));
    return times.reduce((sum, time) => sum + time, 0);
  };
  let before = await used();
  while (performance.now() < deadline) {
    await sleep(1_000);
    const now = await used();
    if (now - before < 400) return;
    before = now;
  }
  throw new Error('the fleet does not come to rest');
}
