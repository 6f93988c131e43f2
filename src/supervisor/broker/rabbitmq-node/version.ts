import { execFile } from 'node:child_process';
import { readdir, readFile, realpath, writeFile, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { layoutOf } from './layout.js';

const execute = promisify(execFile);
const VERSION = /^\d{1,3}\.\d{1,3}\.\d{1,3}/;
const CTL_TIMEOUT_MS = 30_000;
/** The length of the end of a log that is read: a start writes a few hundred lines. */
const LOG_TAIL_BYTES = 4_000_000;

/** The version of the RabbitMQ of this start script; undefined if it cannot be determined. Reads the name of a plugin
 *  that every release contains; only without it, runs `rabbitmqctl`, which takes a second and needs a folder `home` for
 *  its cookie. */
export async function installedVersion(server: string, path: string, home: string): Promise<string | undefined> {
  const release = dirname(dirname(await realpath(server)));
  const plugins = await readdir(join(release, 'plugins')).catch(() => []);
  const named = plugins.map((name) => /^rabbit-(\d+\.\d+\.\d+)/.exec(name)?.[1]).find((found) => found !== undefined);
  if (named !== undefined) return named;
  const ctl = join(dirname(server), 'rabbitmqctl');
  const answer = await execute(ctl, ['version'], { env: { PATH: path, HOME: home }, timeout: CTL_TIMEOUT_MS }).catch(
    () => undefined,
  );
  return VERSION.exec(answer?.stdout.trim() ?? '')?.[0];
}

/** The version that last ran with the data of a node; undefined without data, or if it cannot be determined. */
export async function dataVersion(dataDir: string): Promise<string | undefined> {
  const { mnesia, version } = layoutOf(dataDir);
  const databases = await readdir(mnesia).catch(() => []);
  if (databases.length === 0) return undefined;
  const recorded = VERSION.exec(await readFile(version, 'utf8').catch(() => ''))?.[0];
  return recorded ?? (await loggedVersion(join(layoutOf(dataDir).logs, 'rabbit.log')));
}

/** Records that this version runs with the data. */
export async function recordDataVersion(dataDir: string, version: string): Promise<void> {
  await writeFile(layoutOf(dataDir).version, `${version}\n`);
}

/** Folders of earlier releases have no record. A failed start also logs its version, but never its completion. */
async function loggedVersion(path: string): Promise<string | undefined> {
  const log = await tailOf(path);
  let started: string | undefined;
  let completed: string | undefined;
  for (const [, version] of log.matchAll(/Starting RabbitMQ (\d{1,3}\.\d{1,3}\.\d{1,3})|Server startup complete/g)) {
    if (version !== undefined) started = version;
    else completed = started ?? completed;
  }
  return completed;
}

async function tailOf(path: string): Promise<string> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
