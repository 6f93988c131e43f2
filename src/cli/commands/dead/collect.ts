import type { Command } from 'commander';
import { collectDeadLetters } from '../../../dead-letters/keeper/collect-dead-letters.js';
import { countWaiting } from '../../../dead-letters/count-waiting.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed } from '../../shared/failure.js';
import { createProgress } from '../../shared/output/progress.js';
import { withSession } from '../../shared/session.js';
import { refuseForeignStore } from '../../../runtime/stores/store-claims.js';
import { waitingLine } from './report-waiting.js';

const COLLECT_LIMIT_MS = 10 * 60_000;

export function registerCollect(dead: Command, context: Context): void {
  dead
    .command('collect')
    .description('move dead letters from the broker to the store ops, as the keeper does')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla dead collect', 'collect while no keeper runs']))
    .action((flags: { json?: boolean }) => runCollect(flags, context));
}

async function runCollect({ json = false }: { json?: boolean }, context: Context): Promise<void> {
  const progress = createProgress();
  const { collected, waiting } = await withSession(context, async (session) => {
    const { names, definitions, logger, signal } = session;
    const workers = session.queues().workers.map(({ name }) => name);
    const store = await session.ops();
    const broker = await session.broker('write');
    await refuseForeignStore(session, store);
    const collected = await collectDeadLetters({
      store,
      broker,
      names,
      definitions,
      workers,
      logger,
      limit: COLLECT_LIMIT_MS,
      signal,
      onProgress: (worker, done, total) => progress.show(done, total, `of ${worker}`),
    });
    await session.publishOps();
    return { collected, waiting: await countWaiting(broker, names, workers) };
  }).finally(progress.end);
  if (json) context.printJson({ collected, waiting });
  else context.print(`Collected ${collected}.`);
  if (waiting.length === 0) return;
  context.say(waitingLine(waiting));
  throw new CommandFailed('some dead letters still wait');
}
