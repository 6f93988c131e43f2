import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { count } from '../../shared/arguments.js';
import { UsageError } from '../../shared/failure.js';
import { parseDuration } from '../../../duration.js';
import type { StreamMetadata } from '../../../store/contract.js';
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
    .description('say which events of a stream may go to the archive; the workers of its store move them, once an hour')
    .argument('<stream>', 'such as account/<id>')
    .option('--keep <n>', 'the newest that stay', count)
    .option('--older-than <duration>', 'only those older than this, such as 365d')
    .option('--none', 'nothing goes any more; what is archived stays there')
    .option('--store <service>', "whose; the API's, if not given")
    .option('--json', 'for programs')
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
  if (none === (keep !== undefined)) throw new UsageError('say how many stay: --keep <n>, or --none');
  if (keep === undefined) return undefined;
  return { keep, ...(olderThan !== undefined && { olderThan: parseDuration(olderThan) }) };
}
