import { FlotillaError } from './errors.js';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Returns a duration in milliseconds. Accepts '250ms', '10s', '5m', '1h', '7d', or a number of milliseconds. Throws
 *  `config.invalid` for anything else. */
export function parseDuration(value: string | number): number {
  if (typeof value === 'number') {
    if (Number.isFinite(value) && value >= 0) return value;
  } else {
    const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(value.trim()) ?? [];
    if (amount !== undefined && unit !== undefined) return Number(amount) * UNITS[unit as keyof typeof UNITS];
  }
  throw new FlotillaError(
    'config.invalid',
    `${JSON.stringify(value)} is not a valid duration (for example '250ms', '30s', '10m', '1h', '7d')`,
  );
}

/** Formats a duration in the largest unit that keeps it a whole number: '250ms', '90s', '10m', '36h'. The inverse of
 *  `parseDuration`. Names of retry queues contain the result: if the format changed, no worker would read the
 *  existing queues. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds !== 0) {
    for (const unit of ['d', 'h', 'm', 's'] as const) {
      if (milliseconds % UNITS[unit] === 0) return `${milliseconds / UNITS[unit]}${unit}`;
    }
  }
  return `${milliseconds}ms`;
}

/** Formats an age in one unit, rounded down: '45s', '12m', '5h', '3d'. */
export function formatAge(milliseconds: number): string {
  const age = Math.max(0, milliseconds);
  const unit = (['d', 'h', 'm'] as const).find((each) => age >= 2 * UNITS[each]) ?? 's';
  return `${Math.floor(age / UNITS[unit])}${unit}`;
}
