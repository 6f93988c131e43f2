import { FlotillaError } from '../../errors.js';
import type { Sql, Store } from '../../store/store.js';
import type { WindowsDefinition } from '../definition.js';
import type { StoredWatermark } from '../engine/watermark.js';
import { migrateWindows } from './migrations.js';

/** The last result of a window whose results are not all emitted yet. */
export interface Cursor {
  end: number;
  key: string;
}

/** The stored state of a version of a definition. */
export interface WindowsRow {
  id: number;
  name: string;
  version: number;
  /** RFC 3339, UTC. */
  madeAt: string;
  watermark: StoredWatermark;
  /** Undefined if the results of all closed windows are emitted. */
  closing: Cursor | undefined;
  results: number;
  corrections: number;
  late: number;
  refused: number;
  /** The number of rewinds that have changed panes. */
  rewinds: number;
}

interface Row {
  id: number;
  name: string;
  version: number;
  parameters: string;
  made_at: string;
  watermark: number | null;
  sources: string;
  seen_at: number | null;
  closing_end: number | null;
  closing_key: string | null;
  results: number;
  corrections: number;
  late: number;
  refused: number;
  rewinds: number;
}

/** Returns the row of a version; undefined if it has not run in this store. */
export async function readWindows(
  sql: Sql,
  { name, version }: Pick<WindowsDefinition, 'name' | 'version'>,
): Promise<WindowsRow | undefined> {
  const [row] = await sql<Row>`SELECT * FROM flotilla_windows WHERE name = ${name} AND version = ${version}`;
  return row && rowOf(row);
}

/** Returns the rows of all versions in the store, by name and version. */
export async function listWindows(sql: Sql): Promise<WindowsRow[]> {
  return (await sql<Row>`SELECT * FROM flotilla_windows ORDER BY name, version`).map(rowOf);
}

function rowOf(row: Row): WindowsRow {
  const { closing_end: end, closing_key: key } = row;
  return {
    id: Number(row.id),
    name: row.name,
    version: Number(row.version),
    madeAt: row.made_at,
    watermark: {
      value: row.watermark === null ? undefined : Number(row.watermark),
      seenAt: row.seen_at === null ? undefined : Number(row.seen_at),
      sources: new Map(
        Object.entries(JSON.parse(row.sources) as Record<string, [number, number]>).map(
          ([source, [newest, seenAt]]) => [source, { newest, seenAt }],
        ),
      ),
    },
    closing: end === null || key === null ? undefined : { end: Number(end), key },
    results: Number(row.results),
    corrections: Number(row.corrections),
    late: Number(row.late),
    refused: Number(row.refused),
    rewinds: Number(row.rewinds),
  };
}

/** Creates the tables and the row of a version, and returns the row. Idempotent. Throws `windows.changed` if the version
 *  has run with other parameters: its state would have another meaning. */
export async function prepareWindows(store: Store, definition: WindowsDefinition, now: number): Promise<WindowsRow> {
  await migrateWindows(store);
  const { name, version } = definition;
  const parameters = parametersOf(definition);
  return store.transaction(async ({ sql }) => {
    const [known] = await sql<Row>`SELECT * FROM flotilla_windows WHERE name = ${name} AND version = ${version}`;
    if (known !== undefined && known.parameters !== parameters) {
      throw new FlotillaError('windows.changed', `${name}@${version}: ${known.parameters} is now ${parameters}`);
    }
    if (known !== undefined) return rowOf(known);
    const [row] = await sql<Row>`
      INSERT INTO flotilla_windows
        (id, name, version, parameters, made_at, sources, results, corrections, late, refused)
      SELECT COALESCE(MAX(id), 0) + 1, ${name}, ${version}, ${parameters}, ${new Date(now).toISOString()}, '{}', 0, 0, 0, 0
      FROM flotilla_windows WHERE 1 = 1 RETURNING *`;
    if (row === undefined) throw new Error('An insert returned no row');
    return rowOf(row);
  });
}

/** What determines the meaning of the state, as far as it is data. */
function parametersOf({ window, grace, late, correctFor, emits, foldOf, splitOf }: WindowsDefinition): string {
  const { kind, size, every } = window;
  const types = [...foldOf.keys()].sort();
  const split = splitOf.size === 0 ? undefined : [...splitOf.keys()].sort();
  return JSON.stringify({ kind, size, every, grace, late, correctFor, emits, types, split });
}

/** What a transaction has added. */
export interface Added {
  results: number;
  corrections: number;
  late: number;
  refused: number;
}

export async function saveWindows(
  sql: Sql,
  id: number,
  state: { watermark: Readonly<StoredWatermark>; closing: Cursor | undefined; added: Added },
): Promise<void> {
  const { value = null, seenAt = null, sources } = state.watermark;
  const { results, corrections, late, refused } = state.added;
  const encoded = JSON.stringify(
    Object.fromEntries([...sources].map(([source, { newest, seenAt: at }]) => [source, [newest, at]])),
  );
  await sql`
    UPDATE flotilla_windows
    SET watermark = ${value}, seen_at = ${seenAt}, sources = ${encoded},
      closing_end = ${state.closing?.end ?? null}, closing_key = ${state.closing?.key ?? null},
      results = results + ${results}, corrections = corrections + ${corrections}, late = late + ${late},
      refused = refused + ${refused}
    WHERE id = ${id}`;
}
