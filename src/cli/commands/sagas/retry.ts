import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { withSaga } from './open.js';
import { tellSaga, whatFollows } from './tell.js';

export function registerRetry(sagas: Command, context: Context): void {
  sagas
    .command('retry')
    .description('ask again for what a saga waits for, or for what it could not undo; its tries are counted anew')
    .argument('<id>', 'or its beginning, or what it is about: order/<id>')
    .option('--json', 'for programs')
    .action((id: string, { json = false }: { json?: boolean }) =>
      withSaga(context, id, async (found) => {
        const story = await tellSaga(found, { kind: 'retry' });
        if (json) context.printJson(story, 2);
        else context.print(whatFollows(story));
      }),
    );
}
