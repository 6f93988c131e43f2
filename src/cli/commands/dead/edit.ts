import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { editDeadLetter } from '../../../dead-letters/operations/edit-dead-letter.js';
import { HIDDEN, hasHidden } from '../../../events/personal.js';
import { collect } from '../../shared/input/arguments.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { reportUnchecked, requireAllRead } from '../../shared/output/unread-stores.js';
import { UsageError } from '../../shared/failure.js';
import { jsonLines } from '../../shared/output/print-list.js';
import { shownEvent } from '../../shared/output/shown-event.js';
import { operatorName, withSession } from '../../shared/session.js';
import { reportWaitingIn } from './report-waiting.js';

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
    .description('replace a dead letter by an edited event: validated, caused by the old event, and sent to the worker')
    .argument('<id>', 'id or unique prefix')
    .option('--set <path=value>', 'such as data.amount=5; can be repeated', collect, [])
    .option('--unset <path>', 'remove a field; can be repeated', collect, [])
    .option('--file <json>', 'file with the event or its data, applied before --set and --unset')
    .option(
      '--new-key',
      'use a new idempotency key for external calls: a service may reject the original key with other data',
    )
    .option('--to <worker>', 'send it to this worker instead of the one that dead-lettered it')
    .option('--dry-run', 'only check, and show the new event')
    .option('--pii', 'include personal data of the new event')
    .option('--force', 'also send a command whose aggregate is closed')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla dead edit 0197c2 --set data.amount=5 --dry-run', 'check an edited message'],
        ['flotilla dead edit 0197c2 --set data.amount=5', 'send the edited message'],
      ),
    )
    .action((id: string, flags: Flags) => runEdit(id, flags, context));
}

async function runEdit(id: string, flags: Flags, context: Context): Promise<void> {
  const { set, unset, file, to, newKey, dryRun = false, pii = false, force, json = false } = flags;
  if (set.length + unset.length === 0 && file === undefined)
    throw new UsageError('nothing to change: use --set, --unset or --file');
  const content = file === undefined ? undefined : await readJson(resolve(context.cwd, file));
  if (hasHidden(content) || hasHidden(set)) {
    throw new UsageError(`a value is ${HIDDEN}, the placeholder of hidden personal data; print the event with --pii`);
  }
  const { definitions } = (await context.fleet()).catalogue;
  const { signal } = context;
  const edits = { content, set, unset, to, newKey };
  const result = await withSession(context, async (session) => {
    const deadLetters = await session.deadLetters(dryRun ? 'read' : 'write');
    await reportWaitingIn(deadLetters.broker, context, session);
    const edited = await editDeadLetter(deadLetters, { id, who: operatorName(), ...edits, dryRun, force, signal });
    if (!dryRun) await session.publishOps();
    return { ...edited, unread: session.stores.unread };
  });
  for (const warning of result.warnings) context.say(`Warning: ${warning}`);
  const event: object = pii ? result.event : shownEvent(definitions, result.event);
  if (json) context.printJson({ ...result, event }, 2);
  else if (dryRun) for (const line of jsonLines(event)) context.print(line);
  else
    context.print(result.sent ? `Sent as ${result.event.id}` : `Interrupted; to send it: flotilla dead replay ${id}`);
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
