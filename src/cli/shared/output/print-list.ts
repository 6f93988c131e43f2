import { displayWidth, printable } from '../../../text/printable.js';
import { MAX_LINE_WIDTH, type Context } from '../context.js';
import { columnWidths } from './column-widths.js';

/** The cell of a row in each column of a table; the keys are the headings. */
export type Columns<Item, Name extends string = string> = Record<Name, (item: Item) => string>;

export interface TableOptions<Name extends string> {
  /** The columns whose cells are cut on a terminal that is too narrow. All other columns, such as ids, codes, types and
   *  times, are never cut: their rows wrap. */
  freeText?: readonly NoInfer<Name>[];
}

const GAP = '  ';
/** Of one value, for people. */
export const MAX_LINES = 1000;

/** Prints a list as a table, or as the JSON object `{items, total, …extra}`. */
export function printList<Item extends object, Name extends string>(
  context: Context,
  items: readonly Item[],
  options: TableOptions<Name> & {
    json?: boolean;
    total?: number;
    /** Further fields of the JSON object. */
    extra?: object;
    columns: Columns<Item, Name>;
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

/** Returns the lines of a table. If a row needs more than `width` columns, the cells of `freeText` are cut in the
 *  middle, marked by `…`; a row over `MAX_LINE_WIDTH` is cut in its widest cells. Unsafe characters are escaped, so
 *  that no cell can add a row. */
export function table<Item, Name extends string>(
  items: readonly Item[],
  columns: Columns<Item, Name>,
  { width, freeText = [] }: TableOptions<Name> & { width: number },
): string[] {
  const names = Object.keys(columns) as Name[];
  const headings = names.map((name) => name.toUpperCase());
  const rows = [
    headings,
    ...items.map((item) => names.map((name) => printable(columns[name](item), MAX_LINE_WIDTH, 'middle'))),
  ];
  const natural = headings.map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))));
  const least = headings.map(({ length }) => length);
  const gaps = GAP.length * (names.length - 1);
  const widths = columnWidths(
    columnWidths(natural, { available: width - gaps, least, mayShrink: names.map((name) => freeText.includes(name)) }),
    { available: MAX_LINE_WIDTH - gaps, least, mayShrink: names.map(() => true) },
  );
  return rows.map((row) =>
    row
      .map((cell, column) => padded(printable(cell, widths[column] ?? 0, 'middle'), widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

/** Returns the lines of a value as indented JSON, at most `MAX_LINES`. */
export function jsonLines(value: unknown): string[] {
  const lines = JSON.stringify(value, null, 2).split('\n');
  if (lines.length <= MAX_LINES) return lines;
  return [...lines.slice(0, MAX_LINES), `… ${lines.length - MAX_LINES} more lines; --json prints all of them`];
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}
