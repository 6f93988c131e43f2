import type { Data } from '../catalogue.js';
import { changeOf, ranges, type Alert, type Level } from './alerts.js';
import type { Measured } from './reading-event.js';
import type { SensorType } from './readings.js';

/** The latest reading of a sensor and type. */
export interface Latest {
  /** In milliseconds. */
  readonly time: number;
  readonly alert: Alert;
}

/** The new latest reading of a type. */
export interface Update extends Latest {
  readonly reading: Measured;
}

interface Applied {
  /** The time of the first reading that is not older than the latest of its type; undefined: all are. */
  first: number | undefined;
  /** One for each type that has changed. */
  updates: Iterable<Update>;
  /** In the order of the readings. */
  alerts: Omit<Data<'sensor.alert'>, 'sensor'>[];
}

/** Applies the readings of a sensor in order. One that is older than the latest of its type changes nothing. */
export function applyReadings(stored: ReadonlyMap<SensorType, Latest>, readings: readonly Measured[]): Applied {
  const updates = new Map<SensorType, Update>();
  const alerts: Applied['alerts'] = [];
  let first: number | undefined;
  for (const reading of readings) {
    const { type, value, unit } = reading;
    const time = Date.parse(reading.time);
    const latest = updates.get(type) ?? stored.get(type);
    if (latest !== undefined && time < latest.time) continue;
    first ??= time;
    const before = latest?.alert ?? NOTHING_REPORTED;
    const range = ranges[type];
    const level = range && changeOf(before, range, value, time);
    updates.set(type, { reading, time, alert: level === undefined ? before : { level, reportedAt: time } });
    if (range === undefined || level === undefined) continue;
    const { min, max } = range;
    alerts.push({ type, ...reportOf(before.level, level), value, unit, time: reading.time, range: { min, max } });
  }
  return { first, updates: updates.values(), alerts };
}

const NOTHING_REPORTED: Alert = { level: 'normal', reportedAt: undefined };

/** An alert that is cleared has the severity with which it was raised. */
function reportOf(before: Level, level: Level): Pick<Data<'sensor.alert'>, 'state' | 'severity'> {
  if (level !== 'normal') return { state: 'raised', severity: level };
  return { state: 'cleared', severity: before === 'high' ? 'high' : 'medium' };
}
