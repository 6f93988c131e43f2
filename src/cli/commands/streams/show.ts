import type { Command } from 'commander';
import { readStream } from '../../../aggregates/load.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { retentionText } from './retention-text.js';
import { withStream, type StoreFlags } from './open.js';

export function registerShow(streams: Command, context: Context): void {
  streams
    .command('show')
    .description('show the length, snapshot, archive and retention of a stream')
    .argument('<stream>', 'such as account/<id>')
    .option('--store <service>', "the service that owns the store (default: the API's)")
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla streams show account/0197c2f4-7d1e', 'show one stream']))
    .action((stream: string, flags: StoreFlags) => runShow(stream, flags, context));
}

async function runShow(stream: string, flags: StoreFlags, context: Context): Promise<void> {
  const shown = await withStream(context, stream, flags, (store) => describeStream(store, stream));
  if (flags.json === true) {
    context.printJson(shown, 2);
    return;
  }
  const { store, version, first, last, snapshot, archivedThrough, metadata } = shown;
  context.print(`${stream} in ${store}: ${version} events, from ${first} to ${last}`);
  context.print(`snapshot   ${snapshot === null ? 'none' : `version ${snapshot.version}, shape ${snapshot.shape}`}`);
  context.print(`archived   ${archivedThrough === 0 ? 'nothing' : `up to version ${archivedThrough}`}`);
  context.print(`retention  ${retentionText(metadata?.retention)}`);
  for (const [name, note] of Object.entries(metadata?.notes ?? {})) context.print(`${name.padEnd(10)} ${note}`);
}

async function describeStream(store: Store, stream: string) {
  const [first] = await store.read(stream, 0, 1);
  let last = first;
  const snapshot = await store.snapshot(stream);
  // from the snapshot on, because a long stream is slow to read
  for await (const page of readStream(store, stream, Math.max(0, (snapshot?.version ?? 1) - 1))) last = page.at(-1);
  return {
    store: store.service,
    stream,
    version: last?.version ?? 0,
    first: first?.event.time ?? '',
    last: last?.event.time ?? '',
    snapshot: snapshot === undefined ? null : { version: snapshot.version, shape: snapshot.shape },
    archivedThrough: (await store.archive(stream, 0)).through, // moves nothing, returns the position
    metadata: (await store.streamMetadata(stream)) ?? null,
  };
}
