import { event } from 'flotilla';
import { z } from 'zod';
import { place, sensorId, sensorType, sequenceNumber, units, value } from './readings.js';

const unit = z.enum(Object.values(units) as [string, ...string[]]);
const time = z.iso.datetime();

/** `time` is when the device measured; that of the event is when the platform stored it. */
export const sensorEvents = {
  'sensor.reading': event({
    1: z.strictObject({
      sensor: sensorId,
      type: sensorType,
      value,
      unit,
      time,
      seq: sequenceNumber.optional(),
      location: place.optional(),
    }),
  }),
  /** `raised`: outside of the range; `cleared`: inside again. */
  'sensor.alert': event({
    1: z.strictObject({
      sensor: sensorId,
      type: sensorType,
      state: z.enum(['raised', 'cleared']),
      severity: z.enum(['medium', 'high']),
      value,
      unit,
      time,
      range: z.strictObject({ min: z.number(), max: z.number() }),
    }),
  }),
  /** The connection of a device has ended. */
  'sensor.offline': event({ 1: z.strictObject({ sensor: sensorId, time }) }),
};
