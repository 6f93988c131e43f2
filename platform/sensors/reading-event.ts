import { derivedId } from 'flotilla';
import type { Data } from '../catalogue.js';
import { units, type Reading } from './readings.js';

/** The data of the event of a reading; `now`: its time if it has none. */
export function readingData(sensor: string, given: Reading, now: number): Data<'sensor.reading'> {
  const { type, value, time, seq, location } = given;
  return {
    sensor,
    type,
    value,
    unit: units[type],
    time: new Date(time ?? now).toISOString(),
    ...(seq !== undefined && { seq }),
    ...(location !== undefined && { location }),
  };
}

/** The id of the event of a reading: the same if a device sends it again, by any protocol. */
export function readingId({ sensor, type, time, seq, value }: Data<'sensor.reading'>): string {
  return derivedId(Date.parse(time), 'sensor.reading', sensor, type, time, seq ?? `value ${value}`);
}
