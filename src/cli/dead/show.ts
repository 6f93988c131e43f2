import type { Command } from 'commander';
import { auditOf } from '../../dead-letters/audit.js';
import { findDeadLetter } from '../../dead-letters/queries.js';
import { decodedBody, storyOf } from '../../dead-letters/story.js';
import type { Context } from '../context.js';
import { withOps } from '../resources.js';
import { reportWaiting } from './open.js';

export function registerShow(dead: Command, context: Context): void {
  dead
    .command('show')
    .description('one dead letter: what was tried, what was done about it, the message')
    .argument('<id>', 'or its beginning')
    .option('--json', 'for programs')
    .action((id: string, { json = false }: { json?: boolean }) =>
      withOps(context, async (store) => {
        await reportWaiting(context);
        const letter = await findDeadLetter(store, id);
        const trail = await auditOf(store.query, letter.id);
        if (!json) {
          for (const line of storyOf(letter, trail)) context.print(line);
          return;
        }
        const { json: body, text, base64 } = decodedBody(letter.body);
        const shown = base64 === undefined ? (body ?? text) : { base64 };
        context.print(JSON.stringify({ ...letter, body: shown, audit: trail }, null, 2));
      }),
    );
}
