import type { Sql } from '../../store/store.js';
import type { WindowsDefinition } from '../definition.js';
import type { Pane } from '../engine/pane-cache.js';
import { panesOf } from '../shapes.js';
import { compareKeys } from './compare-keys.js';
import { PaneReader, readPane } from './panes-table.js';

/** The content of a window of one key. */
export interface Content {
  key: string;
  count: number;
  late: number;
  state: unknown;
}

/** Returns the content of a window; undefined if it does not exist. */
export async function contentOf(
  sql: Sql,
  windows: number,
  definition: WindowsDefinition,
  { key, end }: { key: string; end: number },
): Promise<Content | undefined> {
  const panes: Pane[] = [];
  for (const start of panesOf(definition.window, end)) {
    const pane = await readPane(sql, windows, start, key);
    if (pane !== undefined) panes.push(pane);
  }
  return mergePanes(definition, end, panes);
}

/** Returns the content of a window that has these panes; undefined if it does not exist. */
export function mergePanes(definition: WindowsDefinition, end: number, panes: readonly Pane[]): Content | undefined {
  return exists(definition, end, panes) ? merged(definition, panes) : undefined;
}

/** Yields the content of a window of every key after `after`, in the order of keys. At most a page of each pane is in
 *  memory. */
export async function* contentsOf(
  sql: Sql,
  windows: number,
  definition: WindowsDefinition,
  { end, after }: { end: number; after: string },
): AsyncGenerator<Content, void, undefined> {
  const readers = panesOf(definition.window, end).map((start) => new PaneReader(sql, windows, start));
  for (const reader of readers) await reader.seek(after);
  for (;;) {
    let key: string | undefined;
    for (const reader of readers)
      if (reader.key !== undefined && (key === undefined || compareKeys(reader.key, key) < 0)) key = reader.key;
    if (key === undefined) return;
    const panes: Pane[] = [];
    for (const reader of readers) {
      const pane = reader.key === key ? await reader.take() : undefined;
      if (pane !== undefined) panes.push(pane);
    }
    const content = mergePanes(definition, end, panes);
    if (content !== undefined) yield content;
  }
}

/** A pane whose events are all late and were ignored makes no window. */
function exists({ window }: WindowsDefinition, end: number, panes: readonly Pane[]): boolean {
  if (window.kind !== 'sliding') return panes.some(({ count }) => count > 0);
  const last = panes.at(-1);
  return last !== undefined && last.start === end - window.every && last.count > 0;
}

function merged({ merge }: WindowsDefinition, panes: readonly Pane[]): Content {
  const [first, ...others] = panes.filter(({ count }) => count > 0);
  const sum = (of: (pane: Pane) => number) => panes.reduce((total, pane) => total + of(pane), 0);
  return {
    key: first?.key ?? '',
    count: sum(({ count }) => count),
    late: sum(({ late }) => late),
    state: others.reduce((state, pane) => merge(state, pane.state), first?.state),
  };
}
