import { displayWidth, printable } from '../../../text/printable.js';
import type { Context } from '../context.js';
import { columnWidths } from './column-widths.js';

/** How the columns of a table print a row; a heading is its key. */
export type Columns<Item> = Record<string, (item: Item) => string>;

export interface TableOptions {
  /** The headings of columns that are cut last: ids that other commands take. */
  whole?: readonly string[];
}

const GAP = '  ';
/** Of one value, for people. */
export const MAX_LINES = 1000;

/** Prints a list: as `{items, total, …extra}` for programs, or as a table for people. */
export function printList<Item extends object>(
  context: Context,
  items: readonly Item[],
  options: TableOptions & {
    json?: boolean;
    total?: number;
    /** What else programs get. */
    extra?: object;
    columns: Columns<Item>;
    empty?: string;
  },
): void {
  if (options.json === true) {
    context.printJson({ items, total: options.total ?? items.length, ...options.extra }, 2);
  } else if (items.length === 0) {
    context.say(options.empty ?? 'Nothing.');
  } else {
    for (const line of table(items, options.columns, { width: context.width, ...options })) context.print(line);
  }
}

/** The lines of a table. No line takes more than `width` columns, unless the headings alone do: cells of the widest columns
 *  are cut, with `…` where text is missing. Unsafe characters are escaped, so that no cell can add a row. */
export function table<Item>(
  items: readonly Item[],
  columns: Columns<Item>,
  { width, whole = ['id'] }: TableOptions & { width: number },
): string[] {
  const names = Object.keys(columns);
  const headings = names.map((name) => name.toUpperCase());
  const cut = names.map((name) => (whole.includes(name) ? 'end' : 'middle'));
  const rows = [
    headings,
    ...items.map((item) => Object.values(columns).map((cell, column) => printable(cell(item), width, cut[column]))),
  ];
  const natural = headings.map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))));
  const widths = columnWidths(natural, {
    available: width - GAP.length * (names.length - 1),
    least: headings.map(({ length }) => length),
    last: names.map((name) => whole.includes(name)),
  });
  return rows.map((row) =>
    row
      .map((cell, column) => padded(printable(cell, widths[column] ?? 0, cut[column]), widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

/** The lines of a value as JSON for people, at most `MAX_LINES`. */
export function jsonLines(value: unknown): string[] {
  const lines = JSON.stringify(value, null, 2).split('\n');
  if (lines.length <= MAX_LINES) return lines;
  return [...lines.slice(0, MAX_LINES), `… ${lines.length - MAX_LINES} more lines; --json prints all of them`];
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}
