import { FlotillaError } from './errors.js';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A length of time in milliseconds: of '250ms', '10s', '5m', '1h', '7d', or of a number, which is milliseconds.
 *  Throws `config.invalid` for anything else. */
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

/** A length of time as it would be set: '250ms', '90s', '10m', '36h'; in the largest unit that keeps it a whole number.
 *  The inverse of `parseDuration`. The names of retry queues contain it: a change would leave their messages behind. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds !== 0) {
    for (const unit of ['d', 'h', 'm', 's'] as const) {
      if (milliseconds % UNITS[unit] === 0) return `${milliseconds / UNITS[unit]}${unit}`;
    }
  }
  return `${milliseconds}ms`;
}

/** A measured length of time, rounded down to what a person reads: '45s', '12m', '5h', '3d'. */
export function formatAge(milliseconds: number): string {
  const age = Math.max(0, milliseconds);
  const unit = (['d', 'h', 'm'] as const).find((each) => age >= 2 * UNITS[each]) ?? 's';
  return `${Math.floor(age / UNITS[unit])}${unit}`;
}
