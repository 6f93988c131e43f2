import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';
import type { StartedFleet } from './greets.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface StartedExample extends Pick<StartedFleet, 'flotilla'> {
  /** The URL of the API; empty if the fleet has none. */
  api: string;
}

/** Starts a fleet with `npm run example:<name>`, calls `work` when it runs, and stops it afterwards. */
export function withExample(name: string, work: (example: StartedExample) => Promise<void>): Promise<void> {
  return withExampleProcess(name, name, async ({ program, flotilla }) => {
    const early = new AbortController();
    let output = '';
    for (const stream of [program.stdout, program.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
    program.once('exit', () => early.abort(new Error(`the fleet ended: ${output}`)));
    await eventually('the fleet runs', () => /^Status /m.test(output), { signal: early.signal });
    const [, api = ''] = /^API +(\S+)/m.exec(output) ?? [];
    await work({ api, flotilla });
  });
}

/** Runs `npm run example:<name>` of the example in `folder` on the broker of the run, and stops it after `work` unless
 *  it has ended. */
export async function withExampleProcess(
  name: string,
  folder: string,
  work: (example: StartedFleet) => Promise<void>,
): Promise<void> {
  const { amqpUrl, managementUrl, prefix } = await testBroker();
  const dataDir = await mkdtemp(join(tmpdir(), `flotilla-${name}-`));
  const env = {
    ...process.env,
    AMQP_URL: amqpUrl,
    AMQP_MANAGEMENT_URL: managementUrl,
    FLOTILLA_PREFIX: prefix,
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_FORMAT: 'text',
  };
  const program = spawn('npm', ['run', `example:${name}`], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = once(program, 'close');
  const cwd = join(root, 'examples', folder);
  const flotilla = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, [join(root, 'bin/flotilla'), ...args], { cwd, env })).stdout;
  try {
    await work({ program, dataDir, flotilla });
  } finally {
    // like Ctrl-C on a terminal, to every process of the group
    if (program.pid !== undefined && program.exitCode === null) process.kill(-program.pid, 'SIGINT');
    await ended;
    await cleanUp(prefix);
    await rm(dataDir, { recursive: true, force: true });
  }
}
