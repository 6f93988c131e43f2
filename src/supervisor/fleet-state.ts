import { readFileSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDirectory } from '../files/make-directory.js';

const processState = z.object({
  /** `payment`, or `payment-2` for the second of several. */
  name: z.string(),
  pid: z.number(),
  /** Identifies the process together with the pid, because pids are reused. */
  startedAt: z.string(),
  /** The URL of its health endpoints or its API, when it is ready. */
  url: z.string().optional(),
});

const state = z.object({
  pid: z.number(),
  startedAt: z.string(),
  amqpUrl: z.string(),
  managementUrl: z.string(),
  /** The optional parts that run; absent in the state of earlier releases. */
  parts: z.array(z.string()).optional(),
  processes: z.array(processState),
});

/** The processes of `up` in a data directory. */
export type FleetState = z.infer<typeof state>;
export type ProcessState = z.infer<typeof processState>;

const fileOf = (dataDir: string) => join(dataDir, 'fleet.json');

/** The state that the latest `up` of this directory recorded, which may have ended since; undefined if there was
 *  none. */
export async function readFleetState(dataDir: string): Promise<FleetState | undefined> {
  let text: string;
  try {
    text = await readFile(fileOf(dataDir), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const result = state.safeParse(parse(text));
  return result.success ? result.data : undefined;
}

/** The optional parts that the latest `up` of this directory runs; none if it has ended or never ran. */
export function readRunningParts(dataDir: string): readonly string[] {
  try {
    return state.safeParse(parse(readFileSync(fileOf(dataDir), 'utf8'))).data?.parts ?? [];
  } catch {
    return [];
  }
}

/** Replaces the state atomically; readable by its owner only, because broker URLs contain passwords. */
export async function writeFleetState(dataDir: string, value: FleetState): Promise<void> {
  makeDirectory(dataDir);
  const next = `${fileOf(dataDir)}.next`;
  await writeFile(next, JSON.stringify(value, null, 2), { mode: 0o600 });
  await rename(next, fileOf(dataDir));
}

export async function removeFleetState(dataDir: string): Promise<void> {
  await rm(fileOf(dataDir), { force: true });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
