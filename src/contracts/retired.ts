import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readListFile } from './list-file.js';

/** The record of retired versions, beside their committed schemas. */
export const RETIRED_FILE = 'schemas/retired.json';

const retiredFile = z.array(
  z.strictObject({
    type: z.string(),
    version: z.int().min(1),
    /** The day. */
    date: z.iso.date(),
    /** What was read, and does not need the version. */
    checked: z.strictObject({
      messages: z.int().min(0),
      places: z.array(z.string()),
      /** The number of running processes. */
      processes: z.int().min(0),
    }),
  }),
);

/** A version that no message and no process needs any more. The catalogue may lack it. Its committed schema stays, so that
 *  no later version gives the name of one of its fields to a field of another type. */
export type RetiredVersion = z.infer<typeof retiredFile>[number];

/** Reads the retired versions of a project; none without the file. Rejects with `contract.bad_schema_file`. */
export function readRetired(root: string): Promise<RetiredVersion[]> {
  return readListFile(root, RETIRED_FILE, retiredFile);
}

/** Adds a version to the retired ones of a project. Rejects as `readRetired`. */
export async function addRetired(root: string, added: RetiredVersion): Promise<void> {
  const all = [...(await readRetired(root)), added];
  all.sort((a, b) => (a.type === b.type ? a.version - b.version : a.type < b.type ? -1 : 1));
  await writeFile(join(root, RETIRED_FILE), `${JSON.stringify(all, undefined, 2)}\n`);
}

/** The retired versions of a type, ascending. */
export function retiredVersionsOf(retired: readonly RetiredVersion[], type: string): number[] {
  return retired
    .filter((each) => each.type === type)
    .map(({ version }) => version)
    .sort((a, b) => a - b);
}
