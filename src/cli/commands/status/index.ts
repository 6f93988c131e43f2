import type { Command } from 'commander';
import { brokerAddress, notConfigured } from '../../../runtime/broker/broker-address.js';
import { interval } from '../../shared/input/arguments.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { repeat } from '../../shared/output/repeat.js';
import { CommandFailed, failureLines } from '../../shared/failure.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { statusLines } from './lines.js';
import { createStatusSource, type Status } from './source.js';

interface Flags {
  json?: boolean;
  watch?: number | true;
}

export function register(program: Command, context: Context): void {
  program
    .command('status')
    .option('--watch [interval]', 'repeat at this interval (default: 2s) until Ctrl-C', interval)
    .option('--json', 'print JSON; with --watch one line each time')
    .addHelpText(
      'after',
      examples(
        ['flotilla status', 'print the status once'],
        ['flotilla status --watch 5s', 'print it every five seconds'],
      ),
    )
    .action((flags: Flags) => (flags.watch === undefined ? runOnce(flags, context) : runWatch(flags, context)));
}

/** Prints the known values. Fails afterwards if the broker is unreachable, if nothing names it, if a store was not read,
 *  if a process is not ready, or if there is an alarm. */
async function runOnce({ json = false }: Flags, context: Context): Promise<void> {
  const source = createStatusSource(context);
  try {
    const { status, unreachable } = await source.read();
    const shown = { width: context.width, now: Date.now(), unreachable: unreachable !== undefined };
    const lines = statusLines(status, shown);
    if (json) context.printJson(jsonOf(status), 2);
    else for (const line of lines) context.print(line);
    if (unreachable !== undefined) throw unreachable;
    if ((await brokerAddress(context)).from === 'default') throw new CommandFailed(notConfigured(context));
    requireAllRead(context, status.unread);
    // the output contains their reasons
    if (status.processes.some(({ health }) => health !== 'ready')) throw new CommandFailed('processes are not ready');
    if (lines.some((line) => line.startsWith('ALARM: '))) throw new CommandFailed('there are alarms');
  } finally {
    await source.close();
  }
}

/** Prints until the signal aborts. Shows the broker as not reachable while it is disconnected. */
async function runWatch({ json = false, watch = true }: Flags, context: Context): Promise<void> {
  const source = createStatusSource(context);
  try {
    await repeat(context, watch === true ? undefined : watch, json, async (now) => {
      const { status, unreachable } = await source.read();
      return {
        json: jsonOf(status),
        lines: () => [
          ...statusLines(status, { width: context.width, now, unreachable: unreachable !== undefined }),
          ...(unreachable === undefined ? [] : failureLines(unreachable)),
        ],
      };
    });
  } finally {
    await source.close();
  }
}

function jsonOf({ workers: items, ...rest }: Status) {
  return { items, total: items.length, ...rest };
}
