import type { Command } from 'commander';
import { skipEvent } from '../../../projections/tables/skips.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { operatorName } from '../../shared/session.js';
import { UsageError } from '../../shared/failure.js';
import { chosen, knownProjections, withStores } from './open.js';

interface Flags {
  reason?: string;
  event?: string;
  json?: boolean;
}

export function registerSkip(projections: Command, context: Context): void {
  projections
    .command('skip')
    .description('let a stopped read model continue without the event at which it is stopped; recorded with a reason')
    .argument('<name>')
    .option('--reason <text>', 'why; required')
    .option('--event <id>', 'only if it is stopped at this event')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(["flotilla projections skip order-summary --reason 'test data'", 'continue without the event']),
    )
    .action((name: string, flags: Flags) => runSkip(name, flags, context));
}

async function runSkip(name: string, { reason = '', event, json = false }: Flags, context: Context): Promise<void> {
  if (reason.trim() === '') throw new UsageError('--reason is needed');
  const [known] = chosen(await knownProjections(context), [name]);
  if (known === undefined) return;
  const skip = await withStores(context, async ({ get }) =>
    skipEvent(await get(known), name, { reason, who: operatorName(), eventId: event, now: Date.now }),
  );
  const { type, eventId, position } = skip;
  if (json) context.printJson(skip, 2);
  else context.print(`${name} continues; ${type} ${eventId} at ${position} is skipped if it still fails.`);
}
