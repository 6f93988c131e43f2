import type { Context } from './context.js';

/** Prints a list: as `{items, total, …extra}` for programs, or as a table for people. `columns` give the cells of a row; a
 *  heading is its key. */
export function printList<Item extends object>(
  context: Context,
  items: readonly Item[],
  options: {
    json?: boolean;
    total?: number;
    /** What else programs get. */
    extra?: object;
    columns: Record<string, (item: Item) => string>;
    empty?: string;
  },
): void {
  if (options.json === true) {
    context.print(JSON.stringify({ items, total: options.total ?? items.length, ...options.extra }, null, 2));
  } else if (items.length === 0) {
    context.say(options.empty ?? 'Nothing.');
  } else {
    for (const line of table(items, options.columns)) context.print(line);
  }
}

/** The lines of a table, columns as wide as their widest cell. */
export function table<Item>(items: readonly Item[], columns: Record<string, (item: Item) => string>): string[] {
  const headings = Object.keys(columns).map((heading) => heading.toUpperCase());
  const rows = [headings, ...items.map((item) => Object.values(columns).map((cell) => cell(item)))];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
