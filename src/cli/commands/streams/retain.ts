import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { count } from '../../shared/input/arguments.js';
import { UsageError } from '../../shared/failure.js';
import { parseDuration } from '../../../duration.js';
import type { StreamMetadata } from '../../../store/store.js';
import { withStream, type StoreFlags } from './open.js';
import { retentionText } from './retention-text.js';

interface Flags extends StoreFlags {
  keep?: number;
  olderThan?: string;
  none?: boolean;
}

export function registerRetain(streams: Command, context: Context): void {
  streams
    .command('retain')
    .description('set which events of a stream are archived; the workers of its store move them once an hour')
    .argument('<stream>', 'such as account/<id>')
    .option('--keep <n>', 'how many of the newest events stay', count)
    .option('--older-than <duration>', 'archive only events older than this, such as 365d')
    .option('--none', 'archive no more events; archived ones stay in the archive')
    .option('--store <service>', "the service that owns the store (default: the API's)")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        'flotilla streams retain account/0197c2f4-7d1e --keep 1000',
        'keep the newest 1000 events outside the archive',
      ]),
    )
    .action((stream: string, flags: Flags) => runRetain(stream, flags, context));
}

async function runRetain(stream: string, flags: Flags, context: Context): Promise<void> {
  const retention = retentionOf(flags);
  await withStream(context, stream, flags, async (store) => {
    const { retention: _, ...rest } = (await store.streamMetadata(stream)) ?? {};
    await store.setStreamMetadata(stream, { ...rest, ...(retention !== undefined && { retention }) });
  });
  if (flags.json === true) context.printJson({ stream, retention: retention ?? null });
  else context.print(`${stream}: ${retentionText(retention)}`);
}

function retentionOf({ keep, olderThan, none = false }: Flags): StreamMetadata['retention'] {
  if (none === (keep !== undefined)) throw new UsageError('--keep <n> or --none is required');
  if (keep === undefined) return undefined;
  return { keep, ...(olderThan !== undefined && { olderThan: parseDuration(olderThan) }) };
}
