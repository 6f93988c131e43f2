import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { eventually } from '../../support/eventually.js';
import type { Block } from './blocks.js';
import { isExpectedOutput } from './expected-output.js';
import { RunningCommand, Terminal, type Place } from './terminal.js';

/**
 * Executes the blocks of a page in order, in a terminal that starts at `place`. Resolves with the folder in which the terminal
 * is at the end; nothing runs any more then. Rejects with the line of the block that failed.
 *
 * - `sh`: commands. All must succeed, and print the `text` block that follows, if there is one.
 * - `sh eventually`: repeated until they print the `text` block that follows.
 * - `sh terminal=2`: a program that runs in a second terminal until the next such block or the end of the page.
 * - `sh manual`: not executed.
 * - any language with `file=<path>`: written to this file of the folder in which the terminal is.
 */
export async function runPage(blocks: readonly Block[], place: Place): Promise<string> {
  const terminal = new Terminal(place);
  let running: RunningCommand | undefined;
  try {
    for (const block of blocks) {
      const { language, info, text } = block;
      try {
        if (info['file'] !== undefined) await write(join(terminal.cwd, info['file']), text);
        else if (language !== 'sh' || 'manual' in info) continue;
        else if (info['terminal'] === '2') {
          await running?.interrupt();
          running = new RunningCommand(text, { ...place, cwd: terminal.cwd });
          await expectOutput(running, block);
        } else await runIn(terminal, block);
      } catch (error) {
        const second = running === undefined ? '' : `\n\nsecond terminal:\n${running.output}`;
        throw new Error(`line ${block.line}: ${String(error)}${second}`, { cause: error });
      }
    }
    await running?.interrupt();
    return terminal.cwd;
  } finally {
    await running?.kill();
    await terminal.close();
  }
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${text}\n`);
}

async function runIn(terminal: Terminal, { info, text, output }: Block): Promise<void> {
  const run = async () => {
    const printed = await terminal.run(text);
    if (output !== undefined && !isExpectedOutput(output, printed)) throw new Error(`printed\n${printed}`);
    return true;
  };
  if (!('eventually' in info)) await run();
  else if (output === undefined) throw new Error('no text block follows');
  else await eventually('prints the text block', run, { every: 200, limit: 5000 });
}

async function expectOutput(running: RunningCommand, { output }: Block): Promise<void> {
  if (output === undefined) return;
  const early = new AbortController();
  await eventually(
    'prints the text block',
    () => {
      if (running.hasEnded) early.abort(new Error('the program has ended'));
      return isExpectedOutput(output, running.output, { open: true });
    },
    { signal: early.signal },
  );
}
