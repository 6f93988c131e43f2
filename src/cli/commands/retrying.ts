import type { Command } from 'commander';
import { requireKnown } from '../../text/known-names.js';
import { formatDuration } from '../../duration.js';
import { listRetrying, retryNow } from '../../queues/retry-queues.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { printList } from '../shared/output/print-list.js';
import { createProgress } from '../shared/output/progress.js';
import { withSession } from '../shared/session.js';
import type { FleetSession } from '../../runtime/operator/fleet-session.js';
import type { WorkerQueues } from '../../broker/topology/topology.js';

interface Flags {
  json?: boolean;
}

export function register(program: Command, context: Context): void {
  const retrying = program.command('retrying');
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
  const queues = await withSession(context, async (session) => {
    const workers = chosen(worker, session);
    return listRetrying(await session.broker('read'), session.names, workers);
  });
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
  const progress = createProgress();
  const moved = await withSession(context, async (session) => {
    const workers = chosen(worker, session);
    return retryNow({
      broker: await session.broker('write'),
      names: session.names,
      workers,
      signal: context.signal,
      onProgress: (queue, done, total) => progress.show(done, total, `from ${queue}`),
    });
  }).finally(progress.end);
  if (json) context.printJson({ moved });
  else context.print(`Moved ${moved}.`);
}

function chosen(worker: string | undefined, session: FleetSession): WorkerQueues[] {
  const { workers } = session.queues();
  if (worker === undefined) return workers;
  requireKnown(
    'worker',
    worker,
    workers.map(({ name }) => name),
  );
  return workers.filter(({ name }) => name === worker);
}
