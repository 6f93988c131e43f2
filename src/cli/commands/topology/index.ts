import type { Command } from 'commander';
import type { TopologyDifference } from '../../../broker/broker.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed } from '../../shared/failure.js';
import { printList } from '../../shared/output/print-list.js';
import { surplusQueues } from './abandoned.js';
import { registerPermissions } from './permissions.js';
import { registerRefill } from './refill.js';
import { registerRemove } from './remove.js';
import { registerTakeOver } from './take-over.js';
import { withSession } from '../../shared/session.js';
import { describeDifference, differentSettings } from '../../../runtime/fleet/topology-settings.js';
import { wantedTopology } from './wanted.js';

interface Flags {
  json?: boolean;
}

export function register(program: Command, context: Context): void {
  const topology = program.command('topology');
  topology
    .command('plan')
    .description('show what `apply` would change; exit code 1 if something cannot be changed or does not answer')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla topology plan', 'compare the broker with the fleet']))
    .action((flags: Flags) => runPlan(flags, context));
  topology
    .command('apply')
    .description('declare what is missing; existing queues and exchanges are not changed')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla topology apply', 'declare missing exchanges, queues and bindings']))
    .action((flags: Flags) => runApply(flags, context));
  registerRemove(topology, context);
  registerTakeOver(topology, context);
  registerRefill(topology, context);
  registerPermissions(topology, context);
}

async function runPlan({ json = false }: Flags, context: Context): Promise<void> {
  // no error: a change of the settings may be planned before the processes have it
  for (const each of await differentSettings(context)) context.say(describeDifference(each));
  const differences = await withSession(context, async (session) => {
    const wanted = wantedTopology(session);
    const broker = await session.broker('read');
    return [...(await broker.planTopology(wanted)), ...(await surplusQueues(session, broker))];
  });
  print(context, differences, json, 'The topology is complete.');
  if (differences.some(({ problem }) => problem === 'conflict')) throw new CommandFailed('there are conflicts');
  failWhereUnanswered(differences);
}

async function runApply({ json = false }: Flags, context: Context): Promise<void> {
  await withSession(context, async (session) => {
    const wanted = wantedTopology(session);
    const broker = await session.broker('write');
    const differences = await broker.applyTopology(wanted, context.signal);
    print(context, differences, json, 'The topology was already complete.');
    const created = differences.filter(({ problem }) => problem === 'missing').length;
    if (!json && created > 0) context.say(`${created} created.`);
    failWhereUnanswered(differences);
  });
}

/** A queue of an earlier release that could not be emptied is reported, but is no failure: the fleet works without it. */
function failWhereUnanswered(differences: readonly TopologyDifference[]): void {
  if (differences.some(({ problem }) => problem === 'unanswered')) throw new CommandFailed('not every queue answered');
}

function print(context: Context, items: TopologyDifference[], json: boolean, empty: string): void {
  printList(context, items, {
    json,
    empty,
    freeText: ['detail'],
    columns: {
      kind: ({ kind }) => kind,
      name: ({ name }) => name,
      problem: ({ problem }) => problem,
      detail: ({ detail }) => detail,
    },
  });
}
