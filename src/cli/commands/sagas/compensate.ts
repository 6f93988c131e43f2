import type { Command } from 'commander';
import { confirm } from '../../shared/input/confirm.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { withSaga } from './find-saga.js';
import { applyRequest, outcomeLine } from './operator-request.js';

interface Flags {
  reason?: string;
  yes?: boolean;
  json?: boolean;
}

export function registerCompensate(sagas: Command, context: Context): void {
  sagas
    .command('compensate')
    .description('compensate the completed steps of a saga in reverse order; the reason is recorded')
    .argument('<id>', 'id or unique prefix, or its subject, such as order/<id>')
    .option('--reason <text>', 'why; required')
    .option('--yes', 'do not ask for confirmation')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        "flotilla sagas compensate order/0197c2f4-7d1e --reason 'customer request'",
        'compensate the saga of one order',
      ]),
    )
    .action((id: string, flags: Flags) => runCompensate(id, flags, context));
}

async function runCompensate(id: string, flags: Flags, context: Context): Promise<void> {
  const { reason = '', yes = false, json = false } = flags;
  if (reason.trim() === '') throw new UsageError('--reason is required');
  await withSaga(context, id, async (found) => {
    const { saga, sagaId, row } = found;
    const needsConfirmation = !yes && row.status === 'started'; // otherwise it is rejected below
    if (needsConfirmation && !context.interactive) throw new UsageError('--yes is required without a terminal');
    if (needsConfirmation && !(await confirm(`Compensate the completed steps of ${saga.name}/${sagaId}?`, context))) {
      context.say('Nothing was changed.');
      return;
    }
    const progress = await applyRequest(found, { kind: 'compensate', reason });
    if (json) context.printJson(progress, 2);
    else context.print(outcomeLine(progress));
  });
}
