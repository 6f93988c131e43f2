import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { formatAge } from '../../../duration.js';
import { enabledWorkers, findWorker } from '../../../runtime/fleet/enabled-workers.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { hasQueue } from '../../../worker/definition/queues.js';
import {
  rejectQuarantined,
  releaseQuarantined,
  type MoveQuarantinedOptions,
  type QuarantineFilter,
} from '../../../worker/quarantine/operate-quarantine.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { printList } from '../../shared/output/print-list.js';
import { createProgress } from '../../shared/output/progress.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { withSession } from '../../shared/session.js';
import { quarantined } from './quarantined.js';

interface Flags {
  type?: string;
  json?: boolean;
}

export function register(program: Command, context: Context): void {
  const quarantine = program.command('quarantine');
  quarantine
    .command('list')
    .description('count the messages that wait for a release that reads them, by worker, type, version and producer')
    .argument('[worker]')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla quarantine list email', 'what the worker email cannot read yet']))
    .action((worker: string | undefined, flags: Flags) => runList(worker, flags, context));
  withFilter(quarantine.command('release'))
    .description('move them to the queue of the worker; what it still cannot read returns to the quarantine')
    .addHelpText('after', examples(['flotilla quarantine release email', 'let the worker email try again']))
    .action((worker: string, flags: Flags) => runMove(worker, flags, context, release));
  withFilter(quarantine.command('reject'))
    .description('move them to the dead letters, where they can be edited, replayed or discarded')
    .addHelpText(
      'after',
      examples(['flotilla quarantine reject email --type order.created@99', 'give up on one version']),
    )
    .action((worker: string, flags: Flags) => runMove(worker, flags, context, reject));
}

function withFilter(command: Command): Command {
  return command
    .argument('<worker>')
    .option('--type <type>', 'only messages of this type, or of one version of it: order.created@3')
    .option('--json', 'print JSON');
}

async function runList(worker: string | undefined, { json = false }: Flags, context: Context): Promise<void> {
  const { items, unread } = await quarantined(context, worker);
  const now = Date.now();
  printList(context, items, {
    json,
    total: items.reduce((sum, { count }) => sum + count, 0),
    extra: { unread },
    empty: unread.length > 0 ? 'Nothing is quarantined in the stores that were read.' : 'Nothing is quarantined.',
    columns: {
      worker: ({ worker: name }) => name,
      type: ({ type }) => type,
      version: ({ version }) => String(version ?? '-'),
      messages: ({ count }) => String(count),
      oldest: ({ oldest }) => formatAge(now - Date.parse(oldest)),
      producer: ({ producer }) => producer,
      reason: ({ reason }) => REASONS[reason],
    },
  });
  requireAllRead(context, unread);
}

const REASONS = {
  newer_version: 'newer version',
  unknown_type: 'unknown type',
  behind: 'follows another message of its subject',
} as const;

type Move = (session: FleetSession, options: MoveQuarantinedOptions, service: string) => Promise<number>;

const release: Move = (_session, options) => releaseQuarantined(options);

const reject: Move = async (session, options, service) => {
  const store = await session.stores.find(service);
  return rejectQuarantined({ ...options, store, instance: `command-${randomUUID()}`, now: Date.now });
};

async function runMove(worker: string, flags: Flags, context: Context, move: Move): Promise<void> {
  const { type, json = false } = flags;
  const workers = enabledWorkers(await context.fleet(), context.config).filter(hasQueue);
  const { store: service } = findWorker(workers, worker);
  const progress = createProgress();
  const moved = await withSession(context, async (session) =>
    move(
      session,
      {
        broker: await session.broker('write'),
        names: session.names,
        worker,
        filter: filterOf(type),
        signal: context.signal,
        onProgress: (done, total) => progress.show(done, total, `from the quarantine of ${worker}`),
      },
      service,
    ),
  ).finally(progress.end);
  if (json) context.printJson({ moved });
  else context.print(`Moved ${moved}.`);
}

/** `order.created`, or `order.created@3`. Throws `UsageError` for what is not a version. */
function filterOf(text: string | undefined): QuarantineFilter {
  const [type, version] = text?.split('@', 2) ?? [];
  if (version === undefined) return { type };
  if (!/^[1-9]\d{0,8}$/.test(version)) throw new UsageError(`${JSON.stringify(version)} is not a version of ${type}`);
  return { type, version: Number(version) };
}
