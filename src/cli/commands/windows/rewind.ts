import { hostname } from 'node:os';
import type { Command } from 'commander';
import { FlotillaError } from '../../../errors.js';
import { derivedId, newId } from '../../../events/ids.js';
import { emittersOf } from '../../../fleet/define-fleet.js';
import { KAFKA_STORE } from '../../../fleet/reserved-names.js';
import { migrateKafkaTables } from '../../../kafka/source/offset-table.js';
import { topicHistory } from '../../../kafka/windows/topic-history.js';
import { brokerAddress } from '../../../runtime/broker/broker-address.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { verifyPublisher } from '../../../runtime/broker/verify-publisher.js';
import { describeUnread } from '../../../runtime/stores/existing-stores.js';
import { migrateLogCheckpoints } from '../../../event-log/positions/checkpoint-table.js';
import type { History, HistoryOptions } from '../../../windows/rewind/history.js';
import { logHistory } from '../../../windows/rewind/log-history.js';
import { rewindWindows, type Rewound, type WindowDifference } from '../../../windows/rewind/rewind.js';
import { migrateWindows } from '../../../windows/state/migrations.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { time } from '../../shared/input/arguments.js';
import { withSession } from '../../shared/session.js';
import { kafkaClient } from '../kafka/client.js';
import { chosen, knownWindows, timeOf } from './open.js';

interface Flags {
  to: string;
  dryRun?: boolean;
  json?: boolean;
}

export function registerRewind(windows: Command, context: Context): void {
  windows
    .command('rewind')
    .description(
      'count the closed windows from a time on again from the log or the topics, beside the running ones; show which ' +
        'results differ, and emit those as corrections',
    )
    .argument('<name>')
    .requiredOption('--to <time>', 'the beginning of the first window: RFC 3339, or a duration before now', time)
    .option('--dry-run', 'compare only; nothing is changed or emitted')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla windows rewind order-metrics --to 2h --dry-run', 'compare the last two hours with the log'],
        [
          'flotilla windows rewind order-metrics --to 2026-01-31T08:00:00Z',
          'correct every result since then that differs',
        ],
      ),
    )
    .action((name: string, flags: Flags) => runRewind(name, flags, context));
}

async function runRewind(name: string, { to, dryRun = false, json = false }: Flags, context: Context): Promise<void> {
  const known = chosen(await knownWindows(context), name);
  const { definition, service } = known;
  const rewound = await withSession(context, async (session) => {
    const store = await session.stores.find(service);
    if (store === undefined) throw new FlotillaError('store.missing', describeUnread(context, [service]));
    await migrateWindows(store);
    const from = Date.parse(to);
    const options = { store, definition, from: from - definition.window.size, signal: session.signal };
    return rewindWindows({
      ...{ store, definition, to: from, dryRun, now: Date.now },
      history: service === KAFKA_STORE ? await ofTopics(context, options) : await ofLog(context, session, options),
      deriveId: context.fleetKeys?.deriveId ?? derivedId,
      who: `${hostname()}:${process.pid}:${newId()}`,
    });
  });
  if (json) {
    const until = rewound.until === undefined ? null : timeOf(rewound.until);
    context.printJson({ ...rewound, from: timeOf(rewound.from), until }, 2);
  } else for (const line of linesOf(rewound, dryRun)) context.print(line);
}

type Options = HistoryOptions & { store: Store };

async function ofLog({ config }: Context, session: FleetSession, options: Options): Promise<History> {
  await migrateLogCheckpoints(options.store);
  const { amqpUrl } = await brokerAddress(session);
  const { fleet, names, definitions } = session;
  return logHistory({
    ...{ ...options, definitions, broker: await session.broker('read'), stream: names.log },
    ...{ emitters: emittersOf(fleet), verify: verifyPublisher(config, amqpUrl) },
  });
}

async function ofTopics(context: Context, options: Options): Promise<History> {
  await migrateKafkaTables(options.store);
  return topicHistory({ ...options, client: await kafkaClient(context), prefix: context.config.prefix });
}

function linesOf(rewound: Rewound, dryRun: boolean): string[] {
  const { name, version, from, until, events, windows, changed, added, absent, emitted, sample } = rewound;
  const differ = changed + added + absent;
  const done = dryRun ? 'dry run, nothing emitted' : `emitted: ${emitted}`;
  return [
    `${name}@${version}, from ${timeOf(from)} to ${timeOf(until)}: events: ${events}, windows: ${windows}, different: ${differ}; ${done}`,
    ...sample.map(lineOf),
    ...(differ > sample.length ? [`  … ${differ - sample.length} more`] : []),
  ];
}

const MARKS = { changed: '~', added: '+', absent: '-' } as const;

function lineOf({ kind, key, start, old, new: now }: WindowDifference): string {
  const values = [old, now].filter((value) => value !== undefined).map((value) => JSON.stringify(value));
  const note = kind === 'absent' ? ' (no event is left; it stays)' : '';
  return `  ${MARKS[kind]} ${key} ${timeOf(start)}  ${values.join(' → ')}${note}`;
}
