import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { branchPoint, runGit } from '../contracts/git.js';
import { FlotillaError, messageOf } from '../errors.js';
import { compare, PART_KINDS, type Flow, type Part } from './model.js';

/** The committed flow, beside package.json: what a pull request is compared with. */
export const FLOW_FILE = 'schemas/flow.json';

const types = z.array(z.string());
const flowFile = z.strictObject({
  parts: z.array(
    z.strictObject({
      kind: z.enum(PART_KINDS),
      name: z.string(),
      service: z.string(),
      worker: z.string().optional(),
      emits: types.default([]),
      reads: types.default([]),
      cycles: z.array(z.strictObject({ types, reason: z.string() })).default([]),
    }),
  ),
  undeclaredApi: z.string().optional(),
});

/** The content of the file for a flow. */
export function flowFileOf({ parts, undeclaredApi }: Flow): string {
  const content = {
    parts: parts.map(({ kind, name, service, worker, emits, reads, cycles }) => ({
      kind,
      name,
      service,
      worker,
      ...(emits.length > 0 && { emits }),
      ...(reads.length > 0 && { reads }),
      ...(cycles.length > 0 && { cycles }),
    })),
    undeclaredApi,
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

/** Whether the file in a project is the one of this flow. */
export async function isFlowCommitted(root: string, flow: Flow): Promise<boolean> {
  const text = await readFile(join(root, FLOW_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === flowFileOf(flow);
}

export async function writeFlow(root: string, flow: Flow): Promise<void> {
  await mkdir(dirname(join(root, FLOW_FILE)), { recursive: true });
  await writeFile(join(root, FLOW_FILE), flowFileOf(flow));
}

/** Reads the flow that was committed where this branch left `ref`; undefined if it has no file. Rejects with
 *  `contract.bad_schema_file`, and with the error of git if `ref` is unknown. */
export async function readFlowAt(root: string, ref: string, signal: AbortSignal): Promise<Flow | undefined> {
  const base = await branchPoint(root, ref, signal);
  // relative to the project, which may be a folder of the repository
  const listed = await runGit(root, ['ls-tree', '--name-only', base, FLOW_FILE], '', signal);
  if (listed.trim() === '') return undefined;
  return parseFlow(await runGit(root, ['show', `${base}:./${FLOW_FILE}`], '', signal));
}

function parseFlow(text: string): Flow {
  const { data, error } = flowFile.safeParse(parseJson(text));
  if (data === undefined)
    throw new FlotillaError('contract.bad_schema_file', `${FLOW_FILE}: ${z.prettifyError(error)}`);
  const parts = data.parts.map(({ worker, ...part }): Part => ({
    id: `${part.kind}:${part.name}`,
    ...part,
    ...(worker !== undefined && { worker }),
  }));
  return { parts: parts.sort((a, b) => compare(a.id, b.id)), undeclaredApi: data.undeclaredApi };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FlotillaError('contract.bad_schema_file', `${FLOW_FILE}: ${messageOf(error)}`);
  }
}
