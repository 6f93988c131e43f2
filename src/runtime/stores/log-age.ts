const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  D: DAY_MS,
  M: 31 * DAY_MS,
  Y: 366 * DAY_MS,
};

/** How old an event is in the log at most, in milliseconds, by the age of the stream: `7D`. An inbox remembers everything
 *  that is not older. */
export function logAge(maxAge: string): number {
  const [, count = '7', unit = 'D'] = /^(\d+)([YMDhms])$/.exec(maxAge) ?? [];
  return Number(count) * (UNITS[unit] ?? DAY_MS);
}

/** How long an inbox remembers: a day longer, as a stream drops whole segments, later than its age says. */
export function inboxAge(maxAge: string): number {
  return logAge(maxAge) + DAY_MS;
}
