import { textLine } from 'flotilla';
import { z } from 'zod';
import { id } from '../fields.js';

/** What is measured, in the unit of its events. */
export const units = { temperature: '°C', humidity: '%', pressure: 'hPa', motion: 'count' } as const;

export type SensorType = keyof typeof units;

export const sensorType = z.enum(Object.keys(units) as [SensorType, ...SensorType[]]);

/** Other texts for a unit that devices send. */
const SPELLINGS: Readonly<Record<SensorType, readonly string[]>> = {
  temperature: ['C', 'celsius'],
  humidity: ['percent'],
  pressure: ['mbar'],
  motion: [],
};

export const MAX_READINGS = 500;
/** The clock of a device may be ahead of that of the server by this much. */
const MAX_AHEAD_MS = 5 * 60_000;
/** Larger than what any sensor measures. */
const MAX_VALUE = 1_000_000_000;

export const value = z.number().min(-MAX_VALUE).max(MAX_VALUE);
export const sequenceNumber = z.int().min(0);
export const place = textLine(200);

/** A reading as a device sends it. */
const reading = z
  .strictObject({
    type: sensorType,
    value,
    unit: textLine(20).optional().describe('That of the type: °C, %, hPa or count'),
    time: z.iso.datetime({ offset: true }).optional().describe('When it was measured, at most 5 minutes from now'),
    seq: sequenceNumber.optional().describe('Tells apart readings of one type and time; without it, the value does'),
    location: place.optional(),
  })
  .superRefine(({ type, unit, time }, ctx) => {
    if (unit !== undefined && unit !== units[type] && !SPELLINGS[type].includes(unit)) {
      ctx.addIssue({ code: 'custom', path: ['unit'], message: `the unit of ${type} is ${units[type]}` });
    }
    if (time !== undefined && Date.parse(time) > Date.now() + MAX_AHEAD_MS) {
      ctx.addIssue({ code: 'custom', path: ['time'], message: 'is more than 5 minutes ahead' });
    }
  })
  .meta({ id: 'SensorReading', description: 'A measured value' });

export type Reading = z.infer<typeof reading>;

/** One reading, or several of one sensor. */
export const readings = z.union([reading, z.array(reading).min(1).max(MAX_READINGS)]);

export const sensorId = id;

export const subjectOf = (sensor: string): string => `sensor/${sensor}`;
