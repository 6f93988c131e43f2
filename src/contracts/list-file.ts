import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { FlotillaError, messageOf } from '../errors.js';

/** Reads a committed list of a project; an empty one without the file. Rejects with `contract.bad_schema_file`. */
export async function readListFile<Item>(root: string, path: string, schema: z.ZodType<Item[]>): Promise<Item[]> {
  let text: string;
  try {
    text = await readFile(join(root, path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new FlotillaError('contract.bad_schema_file', `${path}: ${why}`);
  }
}
