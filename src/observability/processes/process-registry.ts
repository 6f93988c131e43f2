import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDirectory } from '../../files/make-directory.js';
import { processContracts } from './process-contracts.js';

const record = z.object({
  role: z.enum(['api', 'worker', 'keeper', 'kafka']),
  /** The workers that run in it. */
  workers: z.array(z.string()),
  /** The URL of /livez, /readyz and /metrics. */
  url: z.url({ protocol: /^https?$/ }),
  pid: z.int().positive(),
  /** RFC 3339. */
  startedAt: z.string(),
});

/** A process of the fleet on this machine. */
export type ProcessRecord = z.infer<typeof record>;

const withSettings = record.extend({
  /** The values of the variables that decide what the fleet declares in the broker. */
  settings: z.record(z.string(), z.string()).optional().catch(undefined),
});

/** A process with its settings, which are undefined for a process of an earlier release. */
export type ProcessSettings = z.infer<typeof withSettings>;

const registration = withSettings.extend({
  contracts: processContracts.optional().catch(undefined),
});

/** A process with what it reads and writes, and its settings; both undefined for a process of an earlier release. */
export type ProcessRegistration = z.infer<typeof registration>;

/** Registers this process in `dir`, so that other processes on the machine find its health URL. Returns a function that
 *  removes the registration, to be called at the end. Readers never see a partial file. Also removes the records of
 *  killed processes. */
export async function registerProcess({
  dir,
  ...process
}: ProcessRegistration & { dir: string }): Promise<() => Promise<void>> {
  makeDirectory(dir);
  await sweep(dir);
  const path = join(dir, fileOf(process));
  const next = `${path}.next`;
  await writeFile(next, JSON.stringify(process), { mode: 0o600 });
  await rename(next, path);
  return () => rm(path, { force: true });
}

/** The running processes that are registered in `dir`. A missing directory contains none; invalid records are
 *  ignored. */
export function readProcesses(dir: string): Promise<ProcessRecord[]> {
  return readRunning(dir, record);
}

/** The running processes with their settings. */
export function readSettings(dir: string): Promise<ProcessSettings[]> {
  return readRunning(dir, withSettings);
}

/** The running processes with what they read and write. */
export function readRegistrations(dir: string): Promise<ProcessRegistration[]> {
  return readRunning(dir, registration);
}

async function readRunning<T extends ProcessRecord>(dir: string, schema: z.ZodType<T>): Promise<T[]> {
  const records = await Promise.all((await filesIn(dir)).map((file) => readRecord(join(dir, file), schema)));
  return records
    .filter((found) => found !== undefined)
    .filter(({ pid }) => isAlive(pid))
    .sort((a, b) => (fileOf(a) < fileOf(b) ? -1 : 1)); // comparing by locale would load the data of all languages
}

async function sweep(dir: string): Promise<void> {
  for (const file of await filesIn(dir)) {
    const found = await readRecord(join(dir, file), record);
    if (found !== undefined && !isAlive(found.pid)) await rm(join(dir, file), { force: true });
  }
}

function fileOf({ role, workers, pid }: Pick<ProcessRecord, 'role' | 'workers' | 'pid'>): string {
  const [name = role] = role === 'worker' ? workers : [];
  return `${name}-${pid}.json`;
}

async function filesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((file) => file.endsWith('.json'));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

async function readRecord<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch (error) {
    // removed since the directory was listed, or not a record
    if (hasErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether the process exists. Signal 0 only checks; EPERM means that it exists and belongs to another user. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return hasErrno(error, 'EPERM');
  }
}

function hasErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
