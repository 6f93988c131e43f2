/** The widths of a table's columns, `available` in all: the natural ones where they fit; otherwise the widest columns
 *  share what is missing, none gets narrower than its `least`, and those that are `last` give way after all others. */
export function columnWidths(
  natural: readonly number[],
  { available, least, last }: { available: number; least: readonly number[]; last: readonly boolean[] },
): number[] {
  let widths = [...natural];
  for (const turn of [false, true]) {
    const missing = sum(widths) - available;
    if (missing <= 0) break;
    const mayShrink = widths.map((_, column) => last[column] === turn);
    widths = shrink(widths, least, mayShrink, missing);
  }
  return widths;
}

/** Lowers the widest columns to one common height, the highest at which `missing` is saved. */
function shrink(
  widths: readonly number[],
  least: readonly number[],
  mayShrink: readonly boolean[],
  missing: number,
): number[] {
  const at = (height: number) =>
    widths.map((width, column) =>
      mayShrink[column] === true ? Math.min(width, Math.max(height, least[column] ?? 0)) : width,
    );
  const wanted = sum(widths) - missing;
  let height = Math.min(wanted, Math.max(...widths));
  while (height > 0 && sum(at(height)) > wanted) height -= 1;
  const lowered = at(height);
  // what rounding has left over goes to the columns that were cut, one character each
  let spare = wanted - sum(lowered);
  return lowered.map((width, column) => {
    if (spare <= 0 || width >= (widths[column] ?? 0)) return width;
    spare -= 1;
    return width + 1;
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
