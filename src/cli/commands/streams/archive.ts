import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { wholeNumber } from '../../shared/input/arguments.js';
import { UsageError } from '../../shared/failure.js';
import { withStore, withStream, type StoreFlags } from './open.js';

interface Flags extends StoreFlags {
  through?: number;
}

export function registerArchive(streams: Command, context: Context): void {
  streams
    .command('archive')
    .description('move older events to the archive now; they remain readable, more slowly')
    .argument('[stream]', 'such as account/<id> (default: every stream, according to its retention)')
    .option('--through <version>', 'the last version to move', wholeNumber)
    .option('--store <service>', "the service that owns the store (default: the API's)")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla streams archive', 'archive every stream according to its retention'],
        ['flotilla streams archive account/0197c2f4-7d1e --through 500', 'archive one stream up to version 500'],
      ),
    )
    .action((stream: string | undefined, flags: Flags) => runArchive(stream, flags, context));
}

async function runArchive(stream: string | undefined, flags: Flags, context: Context): Promise<void> {
  const { through, json = false } = flags;
  if ((stream === undefined) !== (through === undefined)) {
    throw new UsageError('<stream> and --through <version> must be used together');
  }
  if (stream === undefined || through === undefined) {
    const moved = await withStore(context, flags, (store) => store.applyRetention(Date.now()));
    if (json) context.printJson({ moved });
    else context.print(`Moved ${moved}.`);
    return;
  }
  const archived = await withStream(context, stream, flags, (store) => store.archive(stream, through));
  const reached = archived.through === 0 ? 'nothing is archived' : `archived up to version ${archived.through}`;
  if (json) context.printJson({ stream, ...archived });
  else context.print(`Moved ${archived.moved}: ${reached}.`);
}
