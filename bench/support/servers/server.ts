import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { atEnd } from '../../../test/support/clean-up.js';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 20_000;
/** Lines of output that an error of a server contains. */
const EXCERPT_LINES = 5;

/** A server that the benchmark has started on loopback, with its data in a temporary folder. */
export interface BenchServer {
  readonly url: string;
  readonly pid: number;
  /** Stops the server and removes its folder. */
  stop(): Promise<void>;
}

/** The ids of the user that runs a server; undefined: the user of this process. */
export type ServerUser = { uid: number; gid: number } | undefined;

interface ServerCommand {
  command: string;
  args: readonly string[];
  /** A part of the line that the server prints when it accepts connections. */
  ready: string;
  /** The signal that ends it without waiting for clients. */
  signal: NodeJS.Signals;
  user?: ServerUser;
}

/** Creates a folder for a server of this user, prepares its data and starts it. The server is stopped and its folder
 *  removed at the end of the program, unless this happens earlier. */
export async function startServer(
  name: string,
  user: ServerUser,
  prepare: (folder: string) => Promise<ServerCommand & { url: string }>,
): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), `flotilla-bench-${name}-`));
  const removeFolder = atEnd(() => rm(folder, { recursive: true, force: true }));
  try {
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    const { url, ...command } = await prepare(folder);
    const { pid, stop } = await run(name, folder, command);
    return { url, pid, stop: () => stop().then(removeFolder) };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function run(name: string, folder: string, { command, args, ready, signal, user }: ServerCommand) {
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is sent to the whole foreground group, and would end it before its clients
    detached: true,
    ...user,
  });
  const ended = once(child, 'exit').catch(() => undefined);
  const stop = atEnd(async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.kill(signal);
    await ended;
    clearTimeout(timer);
  });
  const output: string[] = [];
  const started = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line.includes(ready)) resolve();
        output.push(line);
        if (output.length > EXCERPT_LINES) output.shift();
      });
    }
    void ended.then(() => reject(new Error(`${name} ended at its start: ${output.join(' ')}`)));
    setTimeout(() => reject(new Error(`${name} did not start in time: ${output.join(' ')}`)), START_LIMIT_MS).unref();
  });
  try {
    await started;
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid ?? 0, stop };
}
