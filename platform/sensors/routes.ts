import { cursor, cursorOf, defineRoute, ProblemError, type ProblemType, type Route } from 'flotilla/http';
import { z } from 'zod';
import { create } from '../catalogue.js';
import { nextCursor } from '../fields.js';
import { historyPage, historyQuery, readHistory } from '../history.js';
import { readingData, reportId } from './reading-event.js';
import { isAhead, readings, sensorId, subjectOf } from './readings.js';
import sensorAlerts from './sensor-alerts.js';
import { latestAnalytics } from './sensor-analytics.js';

const tag = 'Sensors';
const MAX_PAGE = 500;

const sensorNotFound = {
  code: 'sensor.not_found',
  status: 404,
  title: 'No reading of this sensor is known',
  remedy: 'Check the id. A reading shows after a moment.',
} satisfies ProblemType;

const sensorsOff = {
  code: 'sensor.off',
  status: 404,
  title: 'This platform runs without sensors',
  remedy: 'Start it with `flotilla up --with sensors`.',
} satisfies ProblemType;

const timeAhead = {
  code: 'sensor.time_ahead',
  status: 422,
  title: 'A reading is more than 5 minutes ahead',
  remedy: 'Set the clock of the device.',
} satisfies ProblemType;

const params = z.object({ id: sensorId });

const stored = z
  .object({
    accepted: z.int().describe('Stored by this request'),
    repeated: z.int().describe('Not stored, because this or an earlier request has them'),
  })
  .meta({ id: 'StoredReadings', description: 'How many readings were stored' });

const sensorBody = z
  .object({
    id: z.string(),
    status: z.enum(['online', 'offline']),
    lastSeen: z.iso.datetime(),
    values: z.array(
      z.object({
        type: z.string(),
        value: z.number(),
        unit: z.string(),
        location: z.string().optional(),
        time: z.iso.datetime(),
        alert: z.enum(['normal', 'medium', 'high']).describe('As reported last'),
      }),
    ),
  })
  .meta({ id: 'Sensor', description: 'A sensor with its latest value of each type' });

type SensorBody = z.infer<typeof sensorBody>;

const sensorPage = z
  .object({ items: z.array(sensorBody), nextCursor })
  .meta({ id: 'SensorPage', description: 'A page of sensors' });

const figures = z.object({
  start: z.iso.datetime().describe('Inclusive'),
  end: z.iso.datetime().describe('Exclusive'),
  count: z.int(),
  mean: z.number(),
  min: z.number(),
  max: z.number(),
  standardDeviation: z.number().describe('Of the sample; 0 for a single value'),
});

const analyticsBody = z
  .object({ values: z.array(figures.extend({ type: z.string() })) })
  .meta({ id: 'SensorAnalytics', description: 'What a sensor has measured in a minute, by type' });

const sensorCursor = cursor('sensor', z.strictObject({ after: z.string() }));

interface Row {
  sensor: string;
  seen_at: number;
  offline_at: number | null;
  type: string | null;
  value: number;
  unit: string;
  location: string | null;
  time: number;
  level: SensorBody['values'][number]['alert'];
}

/** `isOn`: whether the workers of the sensors run. Without them every route answers `sensor.off`. */
export const sensorRoutes = (isOn: boolean): Route[] => (isOn ? routes : routes.map(off));

function off(route: Route): Route {
  const handler = () => Promise.reject(new ProblemError(sensorsOff));
  return { ...route, handler, reportsLagOf: [] };
}

const declared = [
  defineRoute({
    method: 'post',
    path: '/sensors/:id/readings',
    operationId: 'addSensorReadings',
    tag,
    summary: 'Store one reading of a sensor, or up to 500',
    description:
      'The readings are on disk when this answers, as one event. A repeated request is not stored again, nor is a reading that is repeated in it: it has the same type and time, and the same `seq`, or without it the same value. A reading that is repeated with others is stored again, and counts once. A reading without `time` is one of now.',
    params,
    body: readings,
    emits: ['sensor.reading'],
    responses: { 202: stored },
    problems: [timeAhead],
    handler: ({ params: { id: sensor }, body, origin, commit }) => {
      const now = Date.now();
      const given = Array.isArray(body) ? body : [body];
      if (given.some((reading) => isAhead(reading, now))) throw new ProblemError(timeAhead);
      const subject = subjectOf(sensor);
      const data = readingData(sensor, given, now);
      const event = create('sensor.reading', data, { ...origin(subject), id: reportId('sensor.reading', data) });
      return commit(async (tx) => {
        const { appended } = await tx.append(subject, 'any', [event]);
        const accepted = appended * data.readings.length;
        return { status: 202, body: { accepted, repeated: given.length - accepted } };
      });
    },
  }),

  defineRoute({
    method: 'get',
    path: '/sensors',
    operationId: 'listSensors',
    tag,
    summary: 'List the sensors with their latest values',
    description: 'By id. Readings may take a moment to show.',
    query: z.object({
      cursor: sensorCursor.optional(),
      limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
    }),
    responses: { 200: sensorPage },
    reads: [sensorAlerts],
    handler: async ({ query: { cursor: from, limit }, store }) => {
      const found = await store.query<Row>`
        select s.sensor, s.seen_at, s.offline_at, v.type, v.value, v.unit, v.location, v.time, v.level
        from (select * from sensors where sensor > ${from?.after ?? ''} order by sensor limit ${limit + 1}) s
        left join sensor_values v on v.sensor = s.sensor
        order by s.sensor, v.type`;
      const sensors = sensorsOf(found);
      const items = sensors.slice(0, limit);
      const last = items.at(-1);
      const isLast = sensors.length <= limit || last === undefined;
      return { status: 200, body: { items, nextCursor: isLast ? null : cursorOf(sensorCursor, { after: last.id }) } };
    },
  }),

  defineRoute({
    method: 'get',
    path: '/sensors/:id',
    operationId: 'getSensor',
    tag,
    summary: 'Read the latest values of a sensor',
    description: 'A reading may take a moment to show.',
    params,
    responses: { 200: sensorBody },
    problems: [sensorNotFound],
    reads: [sensorAlerts],
    handler: async ({ params: { id }, store }) => {
      const found = await store.query<Row>`
        select s.sensor, s.seen_at, s.offline_at, v.type, v.value, v.unit, v.location, v.time, v.level
        from sensors s left join sensor_values v on v.sensor = s.sensor
        where s.sensor = ${id} order by v.type`;
      const [body] = sensorsOf(found);
      if (body === undefined) throw new ProblemError(sensorNotFound);
      return { status: 200, body };
    },
  }),

  defineRoute({
    method: 'get',
    path: '/sensors/:id/alerts',
    operationId: 'listSensorAlerts',
    tag,
    summary: 'List the alerts of a sensor',
    description: 'Oldest first: when a value left its range, and when it returned.',
    params,
    query: historyQuery,
    responses: { 200: historyPage },
    problems: [sensorNotFound],
    handler: async ({ params: { id }, query, store }) => {
      const page = await readHistory(store, subjectOf(id), { ...query, type: 'sensor.alert' });
      if (page === undefined) throw new ProblemError(sensorNotFound);
      return { status: 200, body: page };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/sensors/:id/analytics',
    operationId: 'getSensorAnalytics',
    tag,
    summary: 'Read the figures of the last minute of a sensor',
    description:
      'The latest 60 seconds of each type that have a reading. They are computed every 10 seconds, 2 seconds after their end, or 32 seconds if no reading follows. A sensor without figures has no values.',
    params,
    responses: { 200: analyticsBody },
    problems: [sensorNotFound],
    reads: [latestAnalytics],
    handler: async ({ params: { id }, store }) => {
      const rows = await store.query<{ type: string; figures: string }>`
        select type, figures from sensor_analytics where sensor = ${id} order by type`;
      const isKnown = rows.length > 0 || (await store.read(subjectOf(id), 0, 1)).length > 0;
      if (!isKnown) throw new ProblemError(sensorNotFound);
      const values = rows.map((row) => ({ type: row.type, ...(JSON.parse(row.figures) as z.infer<typeof figures>) }));
      return { status: 200, body: { values } };
    },
  }),
];

const routes = declared.map((route) => ({ ...route, problems: [...route.problems, sensorsOff] }));

/** The sensors of these rows, which are in the order of their sensors. */
function sensorsOf(rows: readonly Row[]): SensorBody[] {
  const sensors: SensorBody[] = [];
  for (const row of rows) {
    let sensor = sensors.at(-1);
    if (sensor?.id !== row.sensor) {
      const status = row.offline_at === null ? 'online' : 'offline';
      sensor = { id: row.sensor, status, lastSeen: isoTime(row.seen_at), values: [] };
      sensors.push(sensor);
    }
    const { type, value, unit, location, time, level: alert } = row;
    if (type === null) continue; // went offline before its first reading
    if (isoTime(time) > sensor.lastSeen) sensor.lastSeen = isoTime(time);
    sensor.values.push({ type, value, unit, ...(location !== null && { location }), time: isoTime(time), alert });
  }
  return sensors;
}

function isoTime(milliseconds: number): string {
  return new Date(Number(milliseconds)).toISOString();
}
