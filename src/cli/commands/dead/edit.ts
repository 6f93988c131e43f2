import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { editDeadLetter } from '../../../dead-letters/edit.js';
import { HIDDEN, hasHidden } from '../../../events/personal.js';
import { collect } from '../../shared/arguments.js';
import type { Context } from '../../shared/context.js';
import { reportUnchecked, requireAllRead } from '../../shared/unread-stores.js';
import { UsageError } from '../../shared/failure.js';
import { jsonLines } from '../../shared/output.js';
import { shownEvent } from '../../shared/shown-event.js';
import { operator } from './filter.js';
import { withReplayer } from './open.js';

interface Flags {
  set: string[];
  unset: string[];
  file?: string;
  to?: string;
  newKey?: boolean;
  dryRun?: boolean;
  pii?: boolean;
  force?: boolean;
  json?: boolean;
}

export function registerEdit(dead: Command, context: Context): void {
  dead
    .command('edit')
    .description('send a mended event in place of a dead letter: checked against its schema, caused by the old one')
    .argument('<id>', 'or its beginning')
    .option('--set <path=value>', 'such as data.amount=5; may be given several times', collect, [])
    .option('--unset <path>', 'removes a field; may be given several times', collect, [])
    .option('--file <json>', 'the event, or its data, before --set and --unset')
    .option(
      '--new-key',
      'a new idempotency key for the world outside, which may refuse the original one with other data',
    )
    .option('--to <worker>', 'send it to this worker in place of the one that it died at')
    .option('--dry-run', 'only check, and show the new event')
    .option('--pii', 'show personal data of the new event, too')
    .option('--force', 'also a command of what is closed')
    .option('--json', 'for programs')
    .action((id: string, flags: Flags) => runEdit(id, flags, context));
}

async function runEdit(id: string, flags: Flags, context: Context): Promise<void> {
  const { set, unset, file, to, newKey, dryRun = false, pii = false, force, json = false } = flags;
  if (set.length + unset.length === 0 && file === undefined)
    throw new UsageError('say what to change: --set, --unset or --file');
  const content = file === undefined ? undefined : await readJson(resolve(context.cwd, file));
  if (hasHidden(content) || hasHidden(set)) {
    throw new UsageError(`a value is ${HIDDEN}, which stands for hidden personal data; print the event with --pii`);
  }
  const { definitions } = (await context.fleet()).catalogue;
  const { signal } = context;
  const edits = { content, set, unset, to, newKey };
  const result = await withReplayer(context, dryRun ? 'read' : 'write', async (replayer, stores) => {
    const edited = await editDeadLetter(replayer, { id, who: operator(), ...edits, dryRun, force, signal });
    return { ...edited, unread: stores.unread };
  });
  for (const warning of result.warnings) context.say(`Warning: ${warning}`);
  const event: object = pii ? result.event : shownEvent(definitions, result.event);
  if (json) context.printJson({ ...result, event }, 2);
  else if (dryRun) for (const line of jsonLines(event)) context.print(line);
  else context.print(result.sent ? `Sent as ${result.event.id}` : `Stopped; send ${id} by: flotilla dead replay ${id}`);
  if (dryRun) requireAllRead(context, result.unread);
  else reportUnchecked(context, result.unread);
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--file: ${path} cannot be read`, { cause: error });
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--file: ${path} is not JSON`, { cause: error });
  }
}
