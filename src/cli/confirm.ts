import { createInterface } from 'node:readline/promises';
import type { Context } from './context.js';

/** Asks a person on the terminal; anything but yes is no. Only while `context.interactive`. */
export async function confirm(question: string, { signal }: Pick<Context, 'signal'>): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    terminal.close();
  }
}
