import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { wholeNumber } from '../../shared/arguments.js';
import { UsageError } from '../../shared/failure.js';
import { withStore, withStream, type StoreFlags } from './open.js';

interface Flags extends StoreFlags {
  through?: number;
}

export function registerArchive(streams: Command, context: Context): void {
  streams
    .command('archive')
    .description('move older events to the archive now, from where they are still read, more slowly')
    .argument('[stream]', 'such as account/<id>; if not given, every stream as its retention says')
    .option('--through <version>', 'up to this one', wholeNumber)
    .option('--store <service>', "whose; the API's, if not given")
    .option('--json', 'for programs')
    .action((stream: string | undefined, flags: Flags) => runArchive(stream, flags, context));
}

async function runArchive(stream: string | undefined, flags: Flags, context: Context): Promise<void> {
  const { through, json = false } = flags;
  if ((stream === undefined) !== (through === undefined)) {
    throw new UsageError('say which stream and up to where: archive <stream> --through <version>, or neither');
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
