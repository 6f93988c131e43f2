import type { Command } from 'commander';
import { confirm } from '../../shared/confirm.js';
import type { Context } from '../../shared/context.js';
import { UsageError } from '../../shared/failure.js';
import { withSaga } from './open.js';
import { tellSaga, whatFollows } from './tell.js';

interface Flags {
  reason?: string;
  yes?: boolean;
  json?: boolean;
}

export function registerCompensate(sagas: Command, context: Context): void {
  sagas
    .command('compensate')
    .description('undo what a saga has done so far, the last first; recorded, with a reason')
    .argument('<id>', 'or its beginning, or what it is about: order/<id>')
    .option('--reason <text>', 'why; needed')
    .option('--yes', 'do not ask')
    .option('--json', 'for programs')
    .action((id: string, flags: Flags) => runCompensate(id, flags, context));
}

async function runCompensate(id: string, flags: Flags, context: Context): Promise<void> {
  const { reason = '', yes = false, json = false } = flags;
  if (reason.trim() === '') throw new UsageError('--reason is needed');
  await withSaga(context, id, async (found) => {
    const { saga, sagaId, row } = found;
    const asks = !yes && row.status === 'started'; // else it is refused anyhow
    if (asks && !context.interactive) throw new UsageError('--yes is needed where nobody can be asked');
    if (asks && !(await confirm(`Undo what ${saga.name}/${sagaId} has done so far?`, context))) {
      context.say('Nothing was told.');
      return;
    }
    const story = await tellSaga(found, { kind: 'compensate', reason });
    if (json) context.printJson(story, 2);
    else context.print(whatFollows(story));
  });
}
