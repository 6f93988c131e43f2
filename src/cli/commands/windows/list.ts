import type { Command } from 'commander';
import type { WindowsRow } from '../../../windows/state/windows-table.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { printList } from '../../shared/output/print-list.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { knownWindows, timeOf, versionsOf, withStores, type KnownWindows } from './open.js';

interface Listed {
  name: string;
  version: number;
  /** Null for a version that the fleet no longer has. */
  worker: string | null;
  store: string;
  /** `absent`: its worker has not run yet; `old`: of a version that the fleet no longer has; `unread`: its store is not on
   *  this machine. */
  status: 'current' | 'old' | 'absent' | 'unread';
  /** RFC 3339; null before the first event, or if unknown. */
  watermark: string | null;
  results: number | null;
  corrections: number | null;
  late: number | null;
  refused: number | null;
}

export function registerList(windows: Command, context: Context): void {
  windows
    .command('list')
    .description('list window definitions: watermark, results, corrections, late and refused events')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla windows list', 'list window definitions with their watermarks']))
    .action((flags: { json?: boolean }) => runList(flags, context));
}

async function runList({ json = false }: { json?: boolean }, context: Context): Promise<void> {
  const known = await knownWindows(context);
  const { items, unread } = await withStores(context, async (stores) => {
    const listed: Listed[] = [];
    for (const service of new Set(known.map((each) => each.service))) {
      const own = known.filter((each) => each.service === service);
      const store = await stores.find(service);
      const names = new Set(own.map(({ definition }) => definition.name));
      const rows = store === undefined ? [] : await versionsOf(store.query, names);
      listed.push(...listedOf(own, rows, store === undefined ? 'unread' : 'absent'));
    }
    return { items: listed, unread: stores.unread };
  });
  printList(context, items, {
    json,
    extra: { unread },
    empty: 'This fleet computes no windows.',
    columns: {
      name: ({ name, version }) => `${name}@${version}`,
      worker: ({ worker }) => worker ?? '-',
      store: ({ store }) => store,
      status: ({ status }) => status,
      watermark: ({ watermark }) => watermark ?? '-',
      results: ({ results }) => String(results ?? '?'),
      corrections: ({ corrections }) => String(corrections ?? '?'),
      late: ({ late }) => String(late ?? '?'),
      refused: ({ refused }) => String(refused ?? '?'),
    },
  });
  requireAllRead(context, unread);
}

function listedOf(known: readonly KnownWindows[], rows: readonly WindowsRow[], without: 'absent' | 'unread'): Listed[] {
  const own = known.map(({ definition: { name, version }, worker, service: store }): Listed => {
    const row = rows.find((each) => each.name === name && each.version === version);
    const base = { name, version, worker, store };
    if (row !== undefined) return { ...base, status: 'current', ...countsOf(row) };
    const none = without === 'absent' ? 0 : null;
    return { ...base, status: without, watermark: null, results: none, corrections: none, late: none, refused: none };
  });
  const old = rows
    .filter(({ name, version }) => !known.some(({ definition: d }) => d.name === name && d.version === version))
    .map((row): Listed => {
      const store = known.find(({ definition }) => definition.name === row.name)?.service ?? '';
      return { name: row.name, version: row.version, worker: null, store, status: 'old', ...countsOf(row) };
    });
  return [...own, ...old];
}

function countsOf({ watermark, results, corrections, late, refused }: WindowsRow) {
  const value = watermark.value === undefined ? null : timeOf(watermark.value);
  return { watermark: value, results, corrections, late, refused };
}
