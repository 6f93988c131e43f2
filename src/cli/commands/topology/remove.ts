import type { Command } from 'commander';
import type { AbandonedQueue } from '../../../broker/topology/abandoned-queues.js';
import { removeAbandonedQueues, type RemovedQueue } from '../../../dead-letters/remove-abandoned-queues.js';
import { FlotillaError } from '../../../errors.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { printList } from '../../shared/output/print-list.js';
import { createProgress } from '../../shared/output/progress.js';
import { withSession } from '../../shared/session.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { OPS_STORE } from '../../../fleet/reserved-names.js';
import { requireFleetSettings } from '../../../runtime/fleet/topology-settings.js';
import { hasStore } from '../../../runtime/stores/existing-stores.js';
import { refuseForeignStore } from '../../../runtime/stores/store-claims.js';
import { abandonedQueues, countOf, reasonOf } from './abandoned.js';

interface Flags {
  surplus?: boolean;
  to?: string;
  yes?: boolean;
  json?: boolean;
}

export function registerRemove(topology: Command, context: Context): void {
  topology
    .command('remove')
    .description('remove the queues that a renamed or removed worker, or a former retry delay, has left; loses nothing')
    .argument('[workers...]', 'the workers whose queues are removed')
    .option('--surplus', 'all queues that `plan` shows as surplus')
    .option('--to <worker>', 'the worker that gets the messages; if not given, they become unrouted messages')
    .option('--yes', 'remove them; without it, print what would be removed')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla topology remove old-worker', 'print what would be removed'],
        [
          'flotilla topology remove old-worker --to new-worker --yes',
          'remove its queues and move its messages to another worker',
        ],
      ),
    )
    .action((workers: string[], flags: Flags) => runRemove(workers, flags, context));
}

async function runRemove(workers: readonly string[], flags: Flags, context: Context): Promise<void> {
  if (workers.length > 0 === (flags.surplus === true)) throw new UsageError('give names of workers, or --surplus');
  await requireFleetSettings(context);
  await withSession(context, async (session) => {
    const broker = await session.broker(flags.yes === true ? 'write' : 'read');
    const found = await abandonedQueues(session, broker);
    const queues = flags.surplus === true ? found : leftBy(workers, found);
    if (flags.to !== undefined) checkTarget(session, flags.to, queues);
    if (flags.yes === true) await remove(queues, session, flags, context);
    else preview(queues, flags, context);
  });
}

/** Throws `topology.not_found` for a worker without remaining queues, with the names of the workers that have some. */
function leftBy(workers: readonly string[], found: readonly AbandonedQueue[]): AbandonedQueue[] {
  const known = [...new Set(found.map(({ worker }) => worker))].join(', ') || 'none has';
  const unknown = workers.find((name) => !found.some(({ worker }) => worker === name));
  if (unknown !== undefined) throw new FlotillaError('topology.not_found', `${JSON.stringify(unknown)}; ${known}`);
  return found.filter(({ worker }) => workers.includes(worker));
}

/** Throws `name.unknown`, and `topology.breaks_order` for a worker that handled later messages already. One that handles
 *  consecutive numbers puts them in order. */
function checkTarget(session: FleetSession, to: string, queues: readonly AbandonedQueue[]): void {
  const { declared } = session.queues();
  requireKnown(
    'worker',
    to,
    declared.map(({ name }) => name),
  );
  const ordering = enabledWorkers(session.fleet, session.config).find(({ name }) => name === to)?.ordering;
  if (ordering === undefined || ordering.by === 'sequence') return;
  const filled = queues.find(({ holds, ready }) => holds !== 'dead letters' && ready !== 0);
  if (filled !== undefined) throw new FlotillaError('topology.breaks_order', `${to}; ${filled.queue} has messages`);
}

function preview(queues: readonly AbandonedQueue[], { json = false }: Flags, context: Context): void {
  printList(context, queues, {
    json,
    empty: 'There are no queues to remove.',
    freeText: ['why', 'holds'],
    columns: {
      queue: ({ queue }) => queue,
      why: reasonOf,
      holds: countOf,
    },
  });
  if (!json && queues.length > 0) context.say('Nothing was changed; remove them by --yes.');
}

async function remove(queues: readonly AbandonedQueue[], session: FleetSession, flags: Flags, context: Context) {
  const { json = false, to } = flags;
  const progress = createProgress();
  const run = async () => {
    const { names, definitions, logger, signal } = session;
    const ops = await opsIfAny(session);
    if (ops !== undefined) await refuseForeignStore(session, ops);
    const removed = await removeAbandonedQueues(queues, {
      broker: await session.broker('write'),
      management: await session.management(),
      names,
      definitions,
      logger,
      ops,
      to,
      signal,
      onProgress: (queue, done, total) => progress.show(done, total, `out of ${queue}`),
    });
    if (ops !== undefined) await session.publishOps();
    return removed;
  };
  const results = await run().finally(progress.end);
  printList(context, results, {
    json,
    empty: 'There are no queues to remove.',
    freeText: ['result'],
    columns: {
      queue: ({ queue }) => queue,
      moved: ({ moved }) => String(moved),
      result: ({ removed, detail }: RemovedQueue) => (removed ? 'removed' : `left: ${detail}`),
    },
  });
  if (results.some(({ removed }) => !removed)) throw new CommandFailed('some are still there');
}

/** Resolves with the store of dead letters if it is on this machine; otherwise dead letters stay in their queue. */
async function opsIfAny(session: FleetSession): Promise<Store | undefined> {
  if (hasStore(session, OPS_STORE)) return session.ops();
  session.notify('The store ops does not exist here: queues with dead letters stay.');
  return undefined;
}
