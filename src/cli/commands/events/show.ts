import type { Command } from 'commander';
import { FlotillaError } from '../../../errors.js';
import type { EventEnvelope } from '../../../events/envelope.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { describeUnread } from '../../../runtime/stores/existing-stores.js';
import { UsageError } from '../../shared/failure.js';
import { jsonLines } from '../../shared/output/print-list.js';
import { reportHidden, shownEvent } from '../../shared/output/shown-event.js';
import { withHistory } from './history.js';

interface Flags {
  pii?: boolean;
  json?: boolean;
}

export function registerShow(events: Command, context: Context): void {
  events
    .command('show')
    .description('show an event with its envelope and position')
    .argument('<id>', 'id or unique prefix')
    .option('--pii', 'include personal data')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla events show 0197c2', 'show the event whose id begins with 0197c2']))
    .action((id: string, flags: Flags) => runShow(id, flags, context));
}

async function runShow(id: string, { pii = false, json = false }: Flags, context: Context): Promise<void> {
  if (id === '') throw new UsageError('an event id or a prefix of it is required');
  const { definitions } = (await context.fleet()).catalogue;
  await withHistory(context, async (history) => {
    const candidates = await history.like(id, 2);
    context.say(await history.described());
    const exact = candidates.filter((candidate) => candidate.id === id);
    const [found, another] = exact.length > 0 ? exact : candidates;
    if (found === undefined) {
      const { unread } = history;
      const elsewhere = unread.length === 0 ? '' : `; not read: ${describeUnread(context, unread)}`;
      throw new FlotillaError('journal.not_found', `${JSON.stringify(id)}${elsewhere}`);
    }
    if (another !== undefined) {
      throw new FlotillaError('journal.not_found', `several ids begin with ${JSON.stringify(id)}; use a longer prefix`);
    }
    const stored = JSON.parse(found.body) as EventEnvelope;
    const event = pii ? stored : shownEvent(definitions, stored);
    const { source, subject, offset } = found;
    const version = event.sequence === undefined ? null : Number(event.sequence);
    if (json) {
      context.printJson({ source, subject, version, offset, event }, 2);
      return;
    }
    context.print(`${found.type} of ${subject}, emitted by ${source} at ${new Date(found.time).toISOString()}`);
    context.print('');
    context.print(`version     ${version ?? 'unknown'} of its stream`);
    context.print(`log offset  ${offset ?? 'none: recovered from the store'}`);
    context.print('');
    for (const line of jsonLines(event)) context.print(line);
    reportHidden(context, event);
  });
}
