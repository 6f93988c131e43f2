import type { Command } from 'commander';
import { formatDuration } from '../../../duration.js';
import { readWindows } from '../../../windows/state/windows-table.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { chosen, knownWindows, timeOf, withStores, type KnownWindows } from './open.js';

export function registerShow(windows: Command, context: Context): void {
  windows
    .command('show')
    .description('show a window definition: its windows, watermark, the progress of each source, and counts')
    .argument('<name>')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla windows show order-metrics', 'show one window definition']))
    .action((name: string, flags: { json?: boolean }) => runShow(name, flags, context));
}

async function runShow(name: string, { json = false }: { json?: boolean }, context: Context): Promise<void> {
  const known = chosen(await knownWindows(context), name);
  const { unread, ...shown } = await read(known, context);
  if (json) context.printJson({ ...shown, unread }, 2);
  else for (const line of linesOf(shown)) context.print(line);
  requireAllRead(context, unread);
}

type Shown = Omit<Awaited<ReturnType<typeof read>>, 'unread'>;

function linesOf({ name, version, worker, store, window, rule, types, emits, state }: Shown): string[] {
  return [
    `${name}@${version}, computed by ${worker}, results in ${store}`,
    `window       ${window}`,
    `late events  ${rule}`,
    `events       ${types.join(', ')}`,
    `results      ${emits}`,
    ...(state === null
      ? ['state        none: it has not run, or its store is not on this machine']
      : [
          `since        ${state.since}`,
          `watermark    ${state.watermark ?? '-'}`,
          ...state.sources.map(
            ({ source, newest, seenAt }) => `source       ${source}: newest ${newest}, seen ${seenAt}`,
          ),
          `emitted      ${state.results} results, ${state.corrections} of them corrections`,
          `not counted in time  ${state.late} late, ${state.refused} refused: flotilla windows late ${name}`,
        ]),
  ];
}

async function read({ definition, worker, service }: KnownWindows, context: Context) {
  const { name, version, window, grace, idleAfter, late, correctFor, emits, foldOf } = definition;
  const { kind, size, every } = window;
  const row = await withStores(context, async (stores) => {
    const store = await stores.find(service);
    return { row: store && (await readWindows(store.query, definition)), unread: stores.unread };
  });
  const state = row.row && {
    since: row.row.madeAt,
    watermark: row.row.watermark.value === undefined ? null : timeOf(row.row.watermark.value),
    sources: [...row.row.watermark.sources].map(([source, { newest, seenAt }]) => ({
      ...{ source, newest: timeOf(newest), seenAt: timeOf(seenAt) },
    })),
    ...{ results: row.row.results, corrections: row.row.corrections, late: row.row.late, refused: row.row.refused },
  };
  const length = `${kind} ${formatDuration(size)}${every === size ? '' : ` every ${formatDuration(every)}`}`;
  return {
    ...{ name, version, worker, store: service },
    window: `${length}, grace ${formatDuration(grace)}, sources idle after ${formatDuration(idleAfter)}`,
    rule: late === 'correct' ? `corrected within ${formatDuration(correctFor)}` : 'counted and stored, not corrected',
    types: [...foldOf.keys()],
    emits,
    state: state ?? null,
    unread: row.unread,
  };
}
