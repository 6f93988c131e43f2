import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { formatAge } from '../../../duration.js';
import { parseHandlerKey } from '../../../events/handler-keys.js';
import { findWorker } from '../../../runtime/fleet/enabled-workers.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
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
import { quarantined, workersWithQueue } from './quarantined.js';

interface Flags {
  subject?: string;
  type?: string;
  json?: boolean;
}

export function register(program: Command, context: Context): void {
  const quarantine = program.command('quarantine');
  quarantine
    .command('list')
    .description('count the messages that wait for a release that reads them, by worker, type, version and producer')
    .argument('[worker]')
    .option('--subject <subject>', 'only messages of this subject')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla quarantine list email', 'what the worker email cannot read yet'],
        ['flotilla quarantine list --subject order/4711', 'whether an order waits for a release'],
      ),
    )
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

async function runList(worker: string | undefined, { subject, json = false }: Flags, context: Context): Promise<void> {
  const { items, unread } = await withSession(context, async (session) => {
    const all = workersWithQueue(session);
    const found = await quarantined(session, worker === undefined ? all : [findWorker(all, worker)], subject);
    return { items: found, unread: session.stores.unread };
  });
  const now = Date.now();
  const nothing = `Nothing${subject === undefined ? '' : ` of ${subject}`} is quarantined`;
  printList(context, items, {
    json,
    total: items.reduce((sum, { count }) => sum + count, 0),
    extra: { unread },
    empty: `${nothing}${unread.length > 0 ? ' in the stores that were read' : ''}.`,
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
  return rejectQuarantined({ ...options, store, instance: `command-${randomUUID()}` });
};

async function runMove(name: string, { type, json = false }: Flags, context: Context, move: Move): Promise<void> {
  const filter = filterOf(type);
  const progress = createProgress();
  const moved = await withSession(context, async (session) => {
    const { name: worker, store } = findWorker(workersWithQueue(session), name);
    const options: MoveQuarantinedOptions = {
      broker: await session.broker('write'),
      names: session.names,
      worker,
      filter,
      signal: context.signal,
      onProgress: (done, total) => progress.show(done, total, `from the quarantine of ${worker}`),
    };
    return move(session, options, store);
  }).finally(progress.end);
  if (json) context.printJson({ moved });
  else context.print(`Moved ${moved}.`);
}

/** `order.created`, or `order.created@3`. Throws `UsageError` for what is not a version. */
function filterOf(text: string | undefined): QuarantineFilter {
  if (text === undefined) return {};
  const { pattern: type, version } = parseHandlerKey(text);
  if (Number.isNaN(version)) {
    const given = text.slice(type.length + 1);
    throw new UsageError(`${JSON.stringify(given)} is not a version of ${type}`);
  }
  return { type, version };
}
