import { issuesOf, newId, PermanentError, type TelemetryMessage, type TelemetryResult } from 'flotilla';
import { z } from 'zod';
import type { Data } from '../catalogue.js';
import { readingData, reportId } from './reading-event.js';
import { isAhead, readings } from './readings.js';

export const topics = {
  readings: 'sensors/{device}/readings',
  /** `online` or `offline`; a device registers the latter as its last will. */
  status: 'sensors/{device}/status',
  alerts: 'sensors/{device}/alerts',
} as const;

/** The topic of one sensor. */
export const topicOf = (topic: string, sensor: string): string => topic.replace('{device}', sensor);

const status = z.enum(['online', 'offline']);

type Report =
  | TelemetryResult<'sensor.report', Data<'sensor.report'>>
  | TelemetryResult<'sensor.report_status', Data<'sensor.report_status'>>;

/** Reads a message of a device. Throws `sensor.invalid_reading`, `sensor.time_ahead`, `sensor.no_time`, `sensor.invalid_status` or
 *  `contract.not_json`. */
export function readReport(message: TelemetryMessage): Report {
  return message.topic === topics.status ? readStatus(message) : readReadings(message);
}

/** Without a time, a repeated reading could not be told from another one with the same value. */
function readReadings({ device: sensor, json }: TelemetryMessage): Report {
  const result = readings.safeParse(json());
  if (!result.success) throw new PermanentError('sensor.invalid_reading', describe(result.error));
  const given = [result.data].flat();
  if (given.some((reading) => isAhead(reading, Date.now()))) {
    throw new PermanentError('sensor.time_ahead', 'A reading is more than 5 minutes ahead.');
  }
  if (given.some(({ time }) => time === undefined)) {
    throw new PermanentError('sensor.no_time', 'A reading by MQTT needs its `time`.');
  }
  const data = readingData(sensor, given, 0);
  return { type: 'sensor.report', id: reportId('sensor.report', data), data };
}

/** A last will has the same body every time: only a change of the status has an effect. */
function readStatus({ device: sensor, body }: TelemetryMessage): Report {
  const text = Buffer.from(body).subarray(0, 20).toString('utf8').trim().toLowerCase();
  const result = status.safeParse(text);
  if (!result.success) throw new PermanentError('sensor.invalid_status', 'The status is `online` or `offline`.');
  const data = { sensor, status: result.data, time: new Date().toISOString() };
  return { type: 'sensor.report_status', id: newId(), data };
}

/** The first problem, with its place. */
function describe(error: z.ZodError): string {
  const [issue] = issuesOf(error);
  return `${issue?.path.join('.') || 'reading'}: ${issue?.message ?? 'not valid'}`;
}
