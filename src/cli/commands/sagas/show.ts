import type { Command } from 'commander';
import { readSagaProgress } from '../../../sagas/progress/read-progress.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { withSaga } from './find-saga.js';
import { progressLines } from './progress-lines.js';

export function registerShow(sagas: Command, context: Context): void {
  sagas
    .command('show')
    .description('show the steps of a saga, what it waits for, its history and the possible actions')
    .argument('<id>', 'id or unique prefix, or its subject, such as order/<id>')
    .option('--pii', 'include personal data')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla sagas show order/0197c2f4-7d1e', 'the saga of one order']))
    .action((id: string, { pii = false, json = false }: { pii?: boolean; json?: boolean }) =>
      withSaga(context, id, async ({ saga, sagaId, store }) => {
        const progress = await readSagaProgress(store, saga, sagaId, Date.now(), pii);
        if (json) context.printJson(progress, 2);
        else for (const line of progressLines(progress, saga.subject(sagaId))) context.print(line);
      }),
    );
}
