import type { Command } from 'commander';
import { listUnrouted, replayUnrouted } from '../dead-letters/unrouted.js';
import type { Context } from './context.js';
import { wholeNumber } from './arguments.js';
import { printList } from './output.js';
import { createProgress } from './progress.js';
import { surroundingsOf, withBroker } from './resources.js';

export function register(program: Command, context: Context): void {
  const unrouted = program.command('unrouted').description('messages that no worker takes');
  unrouted
    .command('list')
    .description('the oldest of them; commands among them are an alarm')
    .option('--limit <n>', 'how many to show', wholeNumber, 50)
    .option('--json', 'for programs')
    .action((flags: { limit: number; json?: boolean }) => runList(flags, context));
  unrouted
    .command('replay')
    .description('send them to the workers again, once a worker takes them')
    .option('--json', 'for programs')
    .action((flags: { json?: boolean }) => runReplay(flags, context));
}

async function runList({ limit, json = false }: { limit: number; json?: boolean }, context: Context): Promise<void> {
  const { names, definitions } = await surroundingsOf(context);
  const { signal } = context;
  const { items, total } = await withBroker(context, 'read', (broker) =>
    listUnrouted({ broker, names, definitions }, { count: limit, signal }),
  );
  printList(context, items, {
    json,
    total,
    empty: 'Every message found a worker.',
    columns: {
      type: ({ type, routingKey }) => type ?? routingKey,
      kind: ({ kind }) => (kind === 'command' ? 'COMMAND' : (kind ?? '?')),
      subject: ({ subject }) => subject ?? '',
      time: ({ time }) => time ?? '',
      id: ({ id }) => id ?? '',
    },
  });
  if (!json && total > items.length) context.say(`${items.length} of ${total}`);
  const commands = items.filter(({ kind }) => kind === 'command').length;
  if (!json && commands > 0) context.say(`ALARM: ${commands} of these are commands, which somebody waits for.`);
}

async function runReplay({ json = false }: { json?: boolean }, context: Context): Promise<void> {
  const { names } = await surroundingsOf(context);
  const progress = createProgress();
  const result = await withBroker(context, 'write', (broker) =>
    replayUnrouted(
      { broker, names },
      { signal: context.signal, onProgress: (done, total) => progress.show(done, total, 'sent') },
    ),
  ).finally(progress.end);
  context.print(json ? JSON.stringify(result) : `Sent ${result.sent}; ${result.unrouted} still find no worker.`);
}
