import type { Command } from 'commander';
import { requireKnown } from '../../text/known-names.js';
import { formatDuration } from '../../duration.js';
import { listRetrying, retryNow } from '../../queues/retry-queues.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { printList } from '../shared/output.js';
import { createProgress } from '../shared/progress.js';
import { surroundingsOf, withBroker, type Surroundings } from '../shared/resources.js';

interface Flags {
  json?: boolean;
}

export function register(program: Command, context: Context): void {
  const retrying = program.command('retrying').description('inspect and speed up retries');
  retrying
    .command('list')
    .description('count the messages that wait for a retry, by worker and delay')
    .argument('[worker]')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla retrying list payment', 'messages of one worker that wait for a retry']))
    .action((worker: string | undefined, flags: Flags) => runList(worker, flags, context));
  retrying
    .command('now')
    .description('move them to their work queues now')
    .argument('[worker]')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla retrying now payment', 'retry them now']))
    .action((worker: string | undefined, flags: Flags) => runNow(worker, flags, context));
}

async function runList(worker: string | undefined, { json = false }: Flags, context: Context): Promise<void> {
  const { names, workers } = await chosen(worker, context);
  const queues = await withBroker(context, 'read', (broker) => listRetrying(broker, names, workers));
  printList(context, json ? queues : queues.filter(({ ready }) => ready > 0), {
    json,
    empty: 'No messages wait for a retry.',
    columns: {
      worker: ({ worker }) => worker,
      delay: ({ delay }) => formatDuration(delay),
      waiting: ({ ready }) => String(ready),
      queue: ({ queue }) => queue,
    },
  });
}

async function runNow(worker: string | undefined, { json = false }: Flags, context: Context): Promise<void> {
  const { names, workers } = await chosen(worker, context);
  const progress = createProgress();
  const moved = await withBroker(context, 'write', (broker) =>
    retryNow({
      broker,
      names,
      workers,
      signal: context.signal,
      onProgress: (queue, done, total) => progress.show(done, total, `from ${queue}`),
    }),
  ).finally(progress.end);
  if (json) context.printJson({ moved });
  else context.print(`Moved ${moved}.`);
}

async function chosen(worker: string | undefined, context: Context): Promise<Surroundings> {
  const surroundings = await surroundingsOf(context);
  if (worker === undefined) return surroundings;
  requireKnown(
    'worker',
    worker,
    surroundings.workers.map(({ name }) => name),
  );
  const workers = surroundings.workers.filter(({ name }) => name === worker);
  return { ...surroundings, workers };
}
