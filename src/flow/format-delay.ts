const UNITS = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** Formats an estimated delay with two digits: '35ms', '1.5s'. */
export function formatDelay(milliseconds: number): string {
  const delay = Number(milliseconds.toPrecision(2));
  const [unit, length] = UNITS.find(([, each]) => delay >= each) ?? UNITS[3];
  return `${Number((delay / length).toPrecision(2))}${unit}`;
}
