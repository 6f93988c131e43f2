import { derivedId } from 'flotilla';
import type { Data } from '../catalogue.js';
import { units, type Reading } from './readings.js';

type Readings = Data<'sensor.reading'>;

/** A reading as events have it. */
export type Measured = Readings['readings'][number];

/** The data of the event of readings that were reported together, each of them once; `now`: the time of those that have
 *  none. */
export function readingData(sensor: string, given: readonly Reading[], now: number): Readings {
  const keys = new Set<string>();
  const readings: Measured[] = [];
  for (const { type, value, time, seq, location } of given) {
    const measured: Measured = { type, value, unit: units[type], time: normalized(time, now) };
    if (seq !== undefined) measured.seq = seq;
    if (location !== undefined) measured.location = location;
    const key = keyOf(measured);
    if (keys.has(key)) continue;
    keys.add(key);
    readings.push(measured);
  }
  return { sensor, readings };
}

const LENGTH_IN_UTC = '2026-01-31T08:00:00.000Z'.length;

/** The time in UTC with milliseconds. Most devices send it so, and formatting takes longer than everything else. */
function normalized(time: string | undefined, now: number): string {
  if (time?.length === LENGTH_IN_UTC && time.endsWith('Z')) return time;
  return new Date(time ?? now).toISOString();
}

/** The id of a message with these readings: the same if a device sends the same readings again, by any protocol. */
export function reportId(type: 'sensor.report' | 'sensor.reading', { sensor, readings }: Readings): string {
  return idOf(type, sensor, readings);
}

/** The id of one reading: the same wherever it is repeated. */
export function readingId(sensor: string, reading: Measured): string {
  return idOf('sensor.reading', sensor, [reading]);
}

function idOf(type: string, sensor: string, readings: readonly Measured[]): string {
  const time = Date.parse(readings[0]?.time ?? '');
  return derivedId(time, type, sensor, readings.map(keyOf).join('\u0000'));
}

/** Tells apart the readings of a sensor. */
function keyOf({ type, time, seq, value }: Measured): string {
  return `${type}\u0000${time}\u0000${seq ?? `value ${value}`}`;
}
