import type { Command } from 'commander';
import { limitsOfRefill } from '../../../runtime/operator/broker-recovery.js';
import { continueHere, countUnhandled, refillQueues } from '../../../runtime/operator/refill.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { servicesOf } from '../../../runtime/stores/services.js';
import { refuseForeignStore } from '../../../runtime/stores/store-claims.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { printList } from '../../shared/output/print-list.js';
import { withSession } from '../../shared/session.js';

interface Flags {
  yes?: boolean;
  drained?: boolean;
  json?: boolean;
}

export function registerRefill(topology: Command, context: Context): void {
  topology
    .command('refill')
    .description('after a move to another broker: send the workers from the stores what they have not handled')
    .option('--yes', 'send it; without it, print what would be sent')
    .option('--drained', 'send nothing, because nothing waits in the former broker; ordered workers continue here')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla topology refill', 'how many messages of each worker would be sent again'],
        ['flotilla topology refill --yes', 'send them; the fleet must be stopped'],
      ),
    )
    .action((flags: Flags) => runRefill(flags, context));
}

async function runRefill({ yes = false, drained = false, json = false }: Flags, context: Context): Promise<void> {
  if (yes && drained) throw new UsageError('give --yes or --drained, not both');
  await withSession(context, async (session) => {
    const { fleet } = session;
    if (yes || drained) await refuseForeign(session);
    if (drained) {
      const workers = await continueHere(fleet, session, await session.broker('write'));
      if (json) context.printJson({ workers });
      else context.print(workers.length === 0 ? 'No worker is ordered.' : `Continue here: ${workers.join(', ')}.`);
      return;
    }
    const counts = yes
      ? await refillQueues(fleet, session, await session.broker('write'))
      : await countUnhandled(fleet, session);
    printList(context, counts, {
      json,
      empty: 'The workers have handled everything.',
      columns: { worker: ({ worker }) => worker, messages: ({ messages }) => String(messages) },
    });
    if (json) return;
    for (const line of limitsOfRefill(fleet, session)) context.say(line);
    context.say(yes ? 'Sent. The fleet can be started.' : 'Nothing was sent; send them by --yes.');
  });
}

/** The prefix of the fleet may be another fleet's in this broker. */
async function refuseForeign(session: FleetSession): Promise<void> {
  for (const service of servicesOf(session.fleet)) {
    const store = await session.stores.find(service);
    if (store !== undefined) await refuseForeignStore(session, store);
  }
}
