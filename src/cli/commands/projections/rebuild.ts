import type { Command } from 'commander';
import { FlotillaError, messageOf } from '../../../errors.js';
import { newId } from '../../../events/ids.js';
import { rebuildProjection } from '../../../projections/rebuild/rebuild.js';
import type { Rebuilt } from '../../../projections/rebuild/rebuild-run.js';
import { lockDataDir } from '../../../runtime/lock-data-dir.js';
import { silentLogger } from '../../../telemetry/logger.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { createProgress } from '../../shared/output/progress.js';
import { linesOf } from './difference-lines.js';
import { chosen, knownProjections, withStores, type KnownProjection, type ModelStores } from './open.js';

interface Flags {
  all?: boolean;
  dryRun?: boolean;
  restart?: boolean;
  json?: boolean;
}

interface Failed {
  projection: string;
  error: { code: string; message: string };
}

export function registerRebuild(projections: Command, context: Context): void {
  projections
    .command('rebuild')
    .description(
      'rebuild read models beside the live ones, swap and show the difference; can be interrupted and run again',
    )
    .argument('[names...]')
    .option('--all', 'every read model')
    .option('--dry-run', 'build and compare only; nothing is swapped or kept')
    .option('--restart', 'discard what an interrupted run has built')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla projections rebuild order-summary --dry-run', 'build a copy and compare it'],
        ['flotilla projections rebuild --all', 'rebuild every read model'],
      ),
    )
    .action((names: string[], flags: Flags) => runRebuild(names, flags, context));
}

async function runRebuild(names: string[], flags: Flags, context: Context): Promise<void> {
  if (names.length === 0 && flags.all !== true) throw new UsageError('say which: names, or --all');
  if (names.length > 0 && flags.all === true) throw new UsageError('give names or --all, not both');
  const known = await knownProjections(context);
  const wanted = flags.all === true ? known : chosen(known, names);
  const lock = lockDataDir(context);
  const results: (Rebuilt | Failed)[] = [];
  try {
    await withStores(context, async (stores) => {
      for (const each of wanted) {
        const result = await rebuildOne(each, stores, flags, context);
        results.push(result);
        if (flags.json === true) continue;
        if ('error' in result) context.say(`${result.projection}: ${result.error.code}: ${result.error.message}`);
        else for (const line of linesOf(result)) context.print(line);
      }
    });
  } finally {
    lock.release();
  }
  if (flags.json === true) context.printJson({ items: results, total: results.length }, 2);
  if (results.some((result) => 'error' in result || result.stoppedAt !== undefined)) {
    throw new CommandFailed('not all were rebuilt');
  }
}

/** A failed rebuild does not prevent the others; a stop of the command does. */
async function rebuildOne(
  known: KnownProjection,
  stores: ModelStores,
  { dryRun, restart }: Flags,
  context: Context,
): Promise<Rebuilt | Failed> {
  const { projection } = known;
  const progress = createProgress();
  try {
    return await rebuildProjection(await stores.get(known), projection, {
      instance: `command-${newId()}`,
      signal: context.signal,
      dryRun,
      restart,
      onProgress: (done, total) => progress.show(done, total, `events, ${projection.name}`),
      logger: context.config.logLevel === 'debug' ? context.logger() : silentLogger(),
    });
  } catch (error) {
    if (context.signal.aborted) {
      progress.end();
      context.say(
        `${projection.name}: interrupted; the live model is unchanged, and the same command continues from here`,
      );
      throw error;
    }
    const code = error instanceof FlotillaError ? error.code : 'error';
    return { projection: projection.name, error: { code, message: messageOf(error) } };
  } finally {
    progress.end();
  }
}
