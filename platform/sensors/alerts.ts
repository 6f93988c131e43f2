import type { SensorType } from './readings.js';

/** Inside of it, nothing is reported. */
export interface Range {
  readonly min: number;
  readonly max: number;
  /** How far inside a value must be again for the alert to be cleared. */
  readonly hysteresis: number;
}

export const ranges: Readonly<Partial<Record<SensorType, Range>>> = {
  temperature: { min: 15, max: 30, hysteresis: 0.5 },
  humidity: { min: 20, max: 80, hysteresis: 2 },
  pressure: { min: 995, max: 1025, hysteresis: 1 },
};

export type Level = 'normal' | 'medium' | 'high';

/** A sensor reports at most one change of a type in this time. */
export const QUIET_MS = 60_000;

/** Outside by more than this share of the width of the range is `high`. */
const HIGH_SHARE = 0.2;

/** The alert of a sensor and type, as it was reported. */
export interface Alert {
  readonly level: Level;
  /** When it was reported, in milliseconds; undefined: never. */
  readonly reportedAt: number | undefined;
}

/** The level that a reading changes the alert to; undefined if there is nothing to report: it stays, becomes less severe
 *  without being in the range again, or has changed less than a minute before. */
export function changeOf(alert: Alert, range: Range, value: number, at: number): Level | undefined {
  const level = levelOf(range, value, alert.level);
  if (level === alert.level || (alert.level === 'high' && level === 'medium')) return undefined;
  if (alert.reportedAt !== undefined && at - alert.reportedAt < QUIET_MS) return undefined;
  return level;
}

function levelOf({ min, max, hysteresis }: Range, value: number, reported: Level): Level {
  const outside = Math.max(min - value, value - max);
  if (outside > (max - min) * HIGH_SHARE) return 'high';
  if (outside > 0) return 'medium';
  return reported !== 'normal' && outside > -hysteresis ? reported : 'normal';
}
