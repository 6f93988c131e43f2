import { textLine } from 'flotilla';
import { z } from 'zod';
import { id } from '../fields.js';

/** What is measured, in the unit of its events. */
export const units = { temperature: '°C', humidity: '%', pressure: 'hPa', motion: 'count' } as const;

export type SensorType = keyof typeof units;

export const sensorType = z.enum(Object.keys(units) as [SensorType, ...SensorType[]]);

export const MAX_READINGS = 500;
/** The clock of a device may be ahead of that of the server by this much. */
const MAX_AHEAD_MS = 5 * 60_000;
/** Larger than what any sensor measures. */
const MAX_VALUE = 1_000_000_000;

export const value = z.number().min(-MAX_VALUE).max(MAX_VALUE);
export const sequenceNumber = z.int().min(0);
export const place = textLine(200);

/** A reading of a type as a device sends it, in one of these spellings of its unit. */
function readingOf<T extends SensorType>(type: T, ...spellings: [string, ...string[]]) {
  return z.strictObject({
    type: z.literal(type),
    value,
    unit: z.enum(spellings).optional(),
    time: z.iso.datetime({ offset: true }).optional().describe('When it was measured, at most 5 minutes from now'),
    seq: sequenceNumber.optional().describe('Tells apart readings of one type and time; without it, the value does'),
    location: place.optional(),
  });
}

export const reading = z
  .discriminatedUnion(
    'type',
    [
      readingOf('temperature', units.temperature, 'C', 'celsius'),
      readingOf('humidity', units.humidity, 'percent'),
      readingOf('pressure', units.pressure, 'mbar'),
      readingOf('motion', units.motion),
    ],
    {
      error: ({ code }) => (code === 'invalid_union' ? `expected one of ${Object.keys(units).join(', ')}` : undefined),
    },
  )
  .meta({ id: 'SensorReading', description: 'A measured value' });

export type Reading = z.infer<typeof reading>;

/** One reading, or several of one sensor. */
export const readings = z
  .union([reading, z.array(reading).min(1).max(MAX_READINGS)])
  .meta({ id: 'SensorReadings', description: 'One reading, or up to 500' });

/** Whether the time of a reading is too far ahead. */
export function isAhead({ time }: Reading, now: number): boolean {
  return time !== undefined && Date.parse(time) > now + MAX_AHEAD_MS;
}

export const sensorId = id;

export const subjectOf = (sensor: string): string => `sensor/${sensor}`;
