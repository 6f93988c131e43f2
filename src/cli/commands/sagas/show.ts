import type { Command } from 'commander';
import { readSagaStory } from '../../../sagas/read.js';
import type { Context } from '../../shared/context.js';
import { withSaga } from './open.js';
import { storyLines } from './story-lines.js';

export function registerShow(sagas: Command, context: Context): void {
  sagas
    .command('show')
    .description('one saga: what was done, what is waited for, what timed out, and what can be done about it')
    .argument('<id>', 'or its beginning, or what it is about: order/<id>')
    .option('--pii', 'personal data, too')
    .option('--json', 'for programs')
    .action((id: string, { pii = false, json = false }: { pii?: boolean; json?: boolean }) =>
      withSaga(context, id, async ({ saga, sagaId, store }) => {
        const story = await readSagaStory(store, saga, sagaId, Date.now(), pii);
        if (json) context.printJson(story, 2);
        else for (const line of storyLines(story, saga.subject(sagaId))) context.print(line);
      }),
    );
}
