import type { Command } from 'commander';
import { auditOf } from '../../../dead-letters/storage/audit.js';
import { findDeadLetter } from '../../../dead-letters/storage/queries.js';
import { lastReplay } from '../../../dead-letters/last-replay.js';
import { formatDeadLetter } from '../../../dead-letters/format-dead-letter.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { jsonLines, MAX_LINES } from '../../shared/output/print-list.js';
import { withSession } from '../../shared/session.js';
import { reportHidden } from '../../shared/output/shown-event.js';
import { reportWaiting } from './report-waiting.js';
import { maskedDeadLetter, wholeDeadLetter } from './shown-dead-letter.js';

interface Flags {
  pii?: boolean;
  json?: boolean;
}

export function registerShow(dead: Command, context: Context): void {
  dead
    .command('show')
    .description('show a dead letter with its attempts, replays, audit and message')
    .argument('<id>', 'id or unique prefix')
    .option('--pii', 'include personal data')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla dead show 0197c2', 'show the dead letter whose id begins with 0197c2'],
        ['flotilla dead show 0197c2 --pii', 'include personal data'],
      ),
    )
    .action((id: string, flags: Flags) => runShow(id, flags, context));
}

function runShow(id: string, { pii = false, json = false }: Flags, context: Context): Promise<void> {
  return withSession(context, async (session) => {
    const store = await session.ops();
    await reportWaiting(context, session);
    const deadLetter = await findDeadLetter(store, id);
    const trail = await auditOf(store.query, deadLetter.id);
    const last = await lastReplay(deadLetter, trail, { store, names: session.names, handled: session.stores.handled });
    const shown = pii ? wholeDeadLetter(deadLetter) : maskedDeadLetter(deadLetter, session.definitions);
    if (json) {
      context.printJson({ ...shown, audit: trail, lastReplay: last }, 2);
      return;
    }
    const { body } = shown;
    // marked, as the text may imitate the lines above it
    const lines =
      typeof body === 'string'
        ? body
            .split('\n')
            .slice(0, MAX_LINES)
            .map((line) => `| ${line}`)
        : jsonLines(body);
    for (const line of formatDeadLetter(shown, { trail, last, body: lines })) context.print(line);
    reportHidden(context, body);
  });
}
