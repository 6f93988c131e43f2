import { FlotillaError } from '../../errors.js';
import type { DeriveId } from '../../events/ids.js';
import type { Store, Tx } from '../../store/store.js';
import type { WindowsDefinition } from '../definition.js';
import { emitResult } from '../state/emit.js';
import { countRewind, freeze, prolongFreeze, unfreeze } from '../state/freeze.js';
import { replacePane } from '../state/panes-table.js';
import { setRevision } from '../state/results-table.js';
import { readWindows, type WindowsRow } from '../state/windows-table.js';
import type { WindowData } from '../window-result.js';
import type { History } from './history.js';
import { isSame } from './is-same.js';
import { lastResults, type LastResult } from './last-results.js';
import { Recount } from './recount.js';

/** Windows or panes of one transaction. */
const PER_TRANSACTION = 200;
/** Differences in the result of a rewind. */
const MAX_SAMPLE = 20;

export interface RewindOptions {
  store: Store;
  definition: WindowsDefinition;
  /** Milliseconds since the epoch: windows that begin at this time or later. */
  to: number;
  /** Compare only. */
  dryRun: boolean;
  history: History;
  deriveId: DeriveId;
  now: () => number;
  /** Unique among all processes. */
  who: string;
}

/** A window whose result differs. `added`: it had none. `absent`: history has no event of it; it stays as it is. */
export interface WindowDifference {
  kind: 'changed' | 'added' | 'absent';
  key: string;
  start: number;
  end: number;
  old: object | undefined;
  new: object | undefined;
}

export interface Rewound {
  name: string;
  version: number;
  /** The windows from this time to that one, in milliseconds since the epoch; `until` is undefined if none is closed. */
  from: number;
  until: number | undefined;
  /** The events in the recounted windows. */
  events: number;
  windows: number;
  changed: number;
  added: number;
  absent: number;
  /** The number of emitted results; 0 for a dry run. */
  emitted: number;
  /** The first differences. */
  sample: WindowDifference[];
}

/** Counts the closed windows from a time on again, beside the live ones, compares the results, and emits those that differ
 *  as corrections. The live computation waits only while the last events are counted and the results are compared and
 *  emitted. Interrupted, it may be run again. Throws `windows.not_found`, `windows.frozen` and
 *  `windows.rewind_too_large`. */
export async function rewindWindows(options: RewindOptions): Promise<Rewound> {
  const { store, definition, to, now, who } = options;
  const { every } = definition.window;
  const recount = new Recount(definition, Math.ceil(to / every) * every);
  const count = async () => {
    for await (const event of options.history()) recount.add(event, now());
  };
  const { id } = await rowOf(store, definition);
  await count();
  await freeze(store, id, { who, now: now() });
  try {
    await count();
    return await compareAndEmit(options, recount, await rowOf(store, definition));
  } finally {
    await unfreeze(store, id, who);
  }
}

async function rowOf(store: Store, definition: WindowsDefinition): Promise<WindowsRow> {
  const row = await readWindows(store.query, definition);
  if (row !== undefined) return row;
  throw new FlotillaError('windows.not_found', `${definition.name}@${definition.version} has not run yet`);
}

interface Difference extends WindowDifference {
  last: LastResult | undefined;
}

async function compareAndEmit(options: RewindOptions, recount: Recount, row: WindowsRow): Promise<Rewound> {
  const { definition, dryRun, to } = options;
  const watermark = row.watermark.value ?? -Infinity;
  // results of a window whose closing is not complete follow by themselves
  const until = row.closing === undefined ? watermark : Math.min(watermark, row.closing.end - 1);
  const { differences, windows } = await compare(options, recount, until);
  const emitted = dryRun ? 0 : await emitAll(options, { recount, row, differences, watermark });
  const of = (kind: WindowDifference['kind']) => differences.filter((each) => each.kind === kind).length;
  return {
    ...{ name: definition.name, version: definition.version, from: to },
    ...{ until: Number.isFinite(until) ? until : undefined, events: recount.events, windows },
    ...{ changed: of('changed'), added: of('added'), absent: of('absent'), emitted },
    sample: differences
      .slice(0, MAX_SAMPLE)
      .map(({ kind, key, start, end, old, new: now }) => ({ kind, key, start, end, old, new: now })),
  };
}

async function compare({ store, definition, to }: RewindOptions, recount: Recount, until: number) {
  const { result, version, window } = definition;
  const last = await lastResults(store, definition, { from: to, until });
  const differences: Difference[] = [];
  let windows = 0;
  for (const { key, end } of recount.windows(until)) {
    const content = recount.content({ key, end });
    if (content === undefined) continue;
    windows += 1;
    const start = end - window.size;
    const known = last.get(`${end} ${key}`);
    last.delete(`${end} ${key}`);
    const { count, state } = content;
    const info: WindowData = { key, start, end, count, late: 0, final: true, revision: 0, watermark: end, version };
    const data = { count, ...result(state, known?.window ?? info) };
    if (known !== undefined && isSame(known.data, data)) continue;
    differences.push({
      kind: known === undefined ? 'added' : 'changed',
      key,
      start,
      end,
      old: known?.data,
      new: data,
      last: known,
    });
  }
  for (const each of last.values()) {
    const { key, start, end } = each.window;
    differences.push({ kind: 'absent', key, start, end, old: each.data, new: undefined, last: each });
  }
  return { differences, windows };
}

/** Replaces the stored panes, then emits the differing results. */
async function emitAll(
  { store, definition, deriveId, now, who }: RewindOptions,
  {
    recount,
    row,
    differences,
    watermark,
  }: { recount: Recount; row: WindowsRow; differences: Difference[]; watermark: number },
): Promise<number> {
  const inTransactions = async <T>(all: readonly T[], write: (tx: Tx, each: T) => Promise<void>) => {
    for (let at = 0; at < all.length; at += PER_TRANSACTION) {
      await store.transaction(async (tx) => {
        await prolongFreeze(tx.sql, row.id, { who, now: now() });
        for (const each of all.slice(at, at + PER_TRANSACTION)) await write(tx, each);
      });
    }
  };
  await inTransactions([row.id], ({ sql }, id) => countRewind(sql, id));
  await inTransactions([...recount.panes()], ({ sql }, pane) => replacePane(sql, row.id, pane));
  const changed = differences.filter(({ kind }) => kind !== 'absent');
  await inTransactions(changed, async (tx, { key, end, last }) => {
    const content = recount.content({ key, end });
    if (content === undefined) return;
    const revision = last === undefined ? 0 : last.window.revision + 1;
    const late = last?.window.late ?? 0;
    const result = { end, content: { ...content, late }, revision, watermark };
    await emitResult(tx, definition, result, { service: store.service, deriveId, now });
    await setRevision(tx.sql, row.id, { key, end, revision });
  });
  return changed.length;
}
