/** Returns the widths of a table's columns: `natural`, or, where their sum exceeds `available`, with the widest columns of
 *  `mayShrink` lowered to a common width, but none below its `least`. */
export function columnWidths(
  natural: readonly number[],
  { available, least, mayShrink }: { available: number; least: readonly number[]; mayShrink: readonly boolean[] },
): number[] {
  if (sum(natural) <= available) return [...natural];
  const at = (height: number) =>
    natural.map((width, column) =>
      mayShrink[column] === true ? Math.min(width, Math.max(height, least[column] ?? 0)) : width,
    );
  let height = Math.max(...natural);
  while (height > 0 && sum(at(height)) > available) height -= 1;
  const lowered = at(height);
  // the remainder of the division goes to the lowered columns, one character each
  let spare = available - sum(lowered);
  return lowered.map((width, column) => {
    if (spare <= 0 || width >= (natural[column] ?? 0)) return width;
    spare -= 1;
    return width + 1;
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
