import type { Command } from 'commander';
import { FlotillaError } from '../../../errors.js';
import { requireKnown } from '../../../text/known-names.js';
import { confirm } from '../../shared/input/confirm.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { storeRegistry } from '../../../runtime/stores/existing-stores.js';
import { UsageError } from '../../shared/failure.js';
import { inspectStore, storeNames, type StoreReport } from './inspect.js';

export function registerAccept(stores: Command, context: Context): void {
  stores
    .command('accept')
    .description(
      'give up the recorded store of a service: use the file that is there, or create a new store at its next start',
    )
    .argument('<service>', 'a service of `stores list`')
    .option('--yes', 'do not ask for confirmation')
    .addHelpText(
      'after',
      examples(['flotilla stores accept payment', 'accept the store that is there now, after confirmation']),
    )
    .action((service: string, flags: { yes?: boolean }) => runAccept(service, flags, context));
}

async function runAccept(service: string, { yes = false }: { yes?: boolean }, context: Context): Promise<void> {
  requireKnown('service', service, storeNames(await context.fleet()));
  const report = inspectStore(context, service);
  if (report.state === 'damaged') throw new FlotillaError('store.damaged', report.path);
  if (report.state !== 'missing' && report.state !== 'replaced') {
    context.say(`Nothing to accept: the store of ${service} is ${report.state}.`);
    return;
  }
  if (!yes) {
    if (!context.interactive) throw new UsageError('accept asks first; without a terminal, add --yes');
    context.say(
      `The store ${report.recorded ?? ''} of ${service} will be abandoned, with every event that is in no other store.`,
    );
    if (!(await confirm('Accept?', context))) {
      context.say('Nothing was changed.');
      return;
    }
  }
  context.print(accept(report, context));
}

function accept({ service, state, id, path }: StoreReport, context: Context): string {
  const registry = storeRegistry(context);
  registry.abandon(service);
  if (state === 'missing') return `${service}: the next process that starts creates a new store in ${path}`;
  if (id === null) return `${service}: ${path} gets an id, and is recorded, when the next process starts`;
  registry.set(service, { id, path, since: new Date().toISOString() });
  return `${service}: the store ${id} in ${path} is recorded`;
}
