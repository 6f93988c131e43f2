import { command, event, fromOutside, windowResult } from 'flotilla';
import { z } from 'zod';
import { MAX_READINGS, place, sensorId, sensorType, sequenceNumber, units, value } from './readings.js';

const unit = z.enum(Object.values(units) as [string, ...string[]]);
const time = z.iso.datetime();

const measured = {
  type: sensorType,
  value,
  unit,
  time,
  seq: sequenceNumber.optional(),
  location: place.optional(),
};

const report = z.strictObject({
  sensor: sensorId,
  readings: z.array(z.strictObject(measured)).min(1).max(MAX_READINGS),
});

/** `time` is when the device measured; that of the event is when the platform stored it. */
export const sensorEvents = {
  /** Readings that were reported together. */
  'sensor.reading': event(
    {
      // before readings were stored together, each was an event
      1: z.strictObject({ sensor: sensorId, ...measured }),
      2: report,
    },
    { 1: ({ sensor, ...reading }) => ({ sensor, readings: [reading] }) },
  ),
  /** What devices send by MQTT. */
  'sensor.report': fromOutside(command({ 1: report }), 'telemetry'),
  'sensor.report_status': fromOutside(
    command({ 1: z.strictObject({ sensor: sensorId, status: z.enum(['online', 'offline']), time }) }),
    'telemetry',
  ),
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
  /** The values of a sensor and type in a window. */
  'sensor.analytics': event({
    1: windowResult({
      sensor: sensorId,
      type: sensorType,
      mean: value,
      min: value,
      max: value,
      /** Of the sample; 0 for a single value. */
      standardDeviation: z.number().min(0),
    }),
  }),
};
