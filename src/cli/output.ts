import type { Context } from './context.js';
import { columnWidths, truncate } from './column-widths.js';

/** How the columns of a table print a row; a heading is its key. */
export type Columns<Item> = Record<string, (item: Item) => string>;

export interface TableOptions {
  /** The headings of columns that are cut last: ids that other commands take. */
  whole?: readonly string[];
}

const GAP = '  ';

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
    context.print(JSON.stringify({ items, total: options.total ?? items.length, ...options.extra }, null, 2));
  } else if (items.length === 0) {
    context.say(options.empty ?? 'Nothing.');
  } else {
    for (const line of table(items, options.columns, { width: context.width, ...options })) context.print(line);
  }
}

/** The lines of a table. No line is longer than `width`, unless the headings alone are: cells of the widest columns are cut, with `…` where text is
 *  missing. Control characters, which could move the cursor of a terminal, print as `·`. */
export function table<Item>(
  items: readonly Item[],
  columns: Columns<Item>,
  { width, whole = ['id'] }: TableOptions & { width: number },
): string[] {
  const names = Object.keys(columns);
  const headings = names.map((name) => name.toUpperCase());
  const rows = [headings, ...items.map((item) => Object.values(columns).map((cell) => printable(cell(item))))];
  const natural = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const widths = columnWidths(natural, {
    available: width - GAP.length * (names.length - 1),
    least: headings.map(({ length }) => length),
    last: names.map((name) => whole.includes(name)),
  });
  return rows.map((row) =>
    row
      .map((cell, column) =>
        truncate(cell, widths[column] ?? 0, whole.includes(names[column] ?? '') ? 'end' : 'middle'),
      )
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '·');
}
