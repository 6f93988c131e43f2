import { createInterface } from 'node:readline/promises';
import { printable } from '../../../text/printable.js';
import type { Context } from '../context.js';

const MAX_WIDTH = 1000;

/** Asks a question on the terminal; every answer but yes means no. Requires `context.interactive`. */
export async function confirm(question: string, { signal }: Pick<Context, 'signal'>): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${printable(question, MAX_WIDTH)} [y/N] `, { signal })).trim());
  } finally {
    terminal.close();
  }
}
