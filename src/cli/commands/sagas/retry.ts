import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { withSaga } from './find-saga.js';
import { applyRequest, outcomeLine } from './operator-request.js';

export function registerRetry(sagas: Command, context: Context): void {
  sagas
    .command('retry')
    .description('send the awaited command again, or retry the failed compensation; restarts the retry policy')
    .argument('<id>', 'id or unique prefix, or its subject, such as order/<id>')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla sagas retry order/0197c2f4-7d1e', 'retry the saga of one order']))
    .action((id: string, { json = false }: { json?: boolean }) =>
      withSaga(context, id, async (found) => {
        const progress = await applyRequest(found, { kind: 'retry' });
        if (json) context.printJson(progress, 2);
        else context.print(outcomeLine(progress));
      }),
    );
}
