import type { Command } from 'commander';
import type { HeldClaim } from '../../../broker/topology/store-claim.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { printList } from '../../shared/output/print-list.js';
import { withSession } from '../../shared/session.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { refuseWhileConsumed } from '../../../runtime/operator/refuse-while-consumed.js';
import { silentLogger } from '../../../telemetry/logger.js';
import { claimsOf, claimStore } from '../../../runtime/stores/store-claims.js';
import { storeNames } from '../stores/inspect.js';

interface Taken {
  service: string;
  /** The id of the store that held the claim; null if none did. */
  from: string | null;
  to: string;
}

export function registerTakeOver(topology: Command, context: Context): void {
  topology
    .command('take-over')
    .description('transfer the claims of another, stopped fleet on the broker to the stores of this fleet')
    .argument('[services...]', 'services (default: all with a store on this machine)')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla topology take-over', 'claim the prefix for every store on this machine']))
    .action((services: string[], flags: { json?: boolean }) => runTakeOver(services, flags, context));
}

async function runTakeOver(services: readonly string[], { json = false }: { json?: boolean }, context: Context) {
  const known = storeNames(await context.fleet());
  for (const service of services) requireKnown('service', service, known);
  const taken = await withSession(context, async (session) => {
    // processes of the other fleet would continue to consume
    await refuseWhileConsumed(session.queues().declared, await session.broker('write'), session.names);
    return takeOver(session, services.length > 0 ? services : known);
  });
  printList(context, taken, {
    json,
    empty: 'The stores that exist here have all claims already.',
    columns: { service: ({ service }) => service, from: ({ from }) => from ?? '-', to: ({ to }) => to },
  });
}

async function takeOver(session: FleetSession, services: readonly string[]): Promise<Taken[]> {
  const { names, signal } = session;
  const [management, broker] = [await session.management(), await session.broker('write')];
  const held = new Map((await claimsOf(management, names)).map((claim): [string, HeldClaim] => [claim.service, claim]));
  const taken: Taken[] = [];
  for (const service of services) {
    const store = await session.stores.find(service);
    const claim = held.get(service);
    if (store === undefined || claim?.holder === store.id) continue;
    if (claim !== undefined) await management.deleteExchange(names.store(service));
    await claimStore(broker, names, store, { logger: silentLogger(), signal });
    taken.push({ service, from: claim?.holder ?? null, to: store.id });
  }
  return taken;
}
