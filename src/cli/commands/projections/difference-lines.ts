import { isSame, type RowDifference, type TableDifference } from '../../../projections/rebuild/difference.js';
import type { Rebuilt } from '../../../projections/rebuild/rebuild-run.js';
import type { SqlValue } from '../../../store/store.js';

/** The result of a rebuild as lines of text: `-` only in the old model, `+` only in the new one, `~` changed. */
export function linesOf(rebuilt: Rebuilt): string[] {
  const { projection, resumed, swapped, versions, comparedAt, position, handled, passedOver, stoppedAt } = rebuilt;
  const done = swapped ? `rebuilt, now at position ${position}` : 'dry run, not swapped';
  const earlier = resumed ? ', continuing an earlier rebuild that did not finish' : '';
  const compared = comparisonOf(rebuilt.difference, comparedAt);
  const lines = [`${projection}: ${done}; ${handled} events of its types handled${earlier}; ${compared}`];
  if (versions.old !== versions.new) lines.push(`  version ${versions.old} before, ${versions.new} now`);
  for (const table of rebuilt.difference) lines.push(...linesOfTable(table));
  for (const { type, eventId, position: at, code } of passedOver) {
    lines.push(`  skipped event passed over again: ${type} ${eventId} at ${at} (${code})`);
  }
  if (stoppedAt !== undefined) {
    const { type, eventId, position: at, code, message } = stoppedAt;
    lines.push(`  stopped at ${at}, ${type} ${eventId}: ${code}: ${message}`);
  }
  return lines;
}

function comparisonOf(tables: readonly TableDifference[], position: number): string {
  const comparable = tables.filter(({ incomparable }) => incomparable === undefined);
  if (comparable.length === 0) return 'old and new cannot be compared';
  const others = tables.length - comparable.length;
  const rest = others === 0 ? '' : `; ${others} of ${tables.length} tables cannot be compared`;
  return `compared at position ${position}: ${isSame(comparable) ? 'no difference' : 'old and new differ'}${rest}`;
}

function linesOfTable({ table, incomparable, rows, onlyOld, onlyNew, changed, sample }: TableDifference): string[] {
  if (incomparable !== undefined) return [`  ${table}: ${rows} rows in the new; cannot be compared: ${incomparable}`];
  const all = onlyOld + onlyNew + changed;
  if (all === 0) return [`  ${table}: ${rows} rows, the same`];
  const more = all > sample.length ? [`    … ${all - sample.length} more`] : [];
  return [
    `  ${table}: ${rows} rows; ${onlyOld} only in the old, ${onlyNew} only in the new, ${changed} changed`,
    ...sample.map((row) => `    ${lineOf(row)}`),
    ...more,
  ];
}

function lineOf({ kind, key, old = {}, new: now = {} }: RowDifference): string {
  const name = Object.values(key).map(shown).join(', ');
  if (kind === 'changed') {
    const changes = Object.keys(now).map((column) => `${column}: ${shown(old[column])} → ${shown(now[column])}`);
    return `~ ${name}  ${changes.join(', ')}`;
  }
  const row = Object.entries(kind === 'only old' ? old : now).map(([column, value]) => `${column}: ${shown(value)}`);
  return `${kind === 'only old' ? '-' : '+'} ${name}  ${row.join(', ')}`;
}

function shown(value: SqlValue | undefined): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? '');
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
