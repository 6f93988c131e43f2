import { sliding, statistics, type WindowData } from 'flotilla';
import { defineProjection, defineWindows, defineWorker } from '../catalogue.js';
import { readingId } from './reading-event.js';
import { sensorType } from './readings.js';

/** The values that each sensor has measured in the last minute, every 10 seconds. */
export const valuesOfMinute = defineWindows({
  name: 'sensor-analytics',
  version: 2,
  window: sliding('60s', { every: '10s' }),
  grace: '2s',
  split: {
    'sensor.reading': ({ data: { sensor, readings } }) =>
      readings.map((reading) => ({ id: readingId(sensor, reading), data: { sensor, ...reading } })),
  },
  time: ({ data }) => data.time,
  key: ({ data }) => `${data.sensor}/${data.type}`,
  initial: statistics.initial,
  on: { 'sensor.reading': (state, { data }) => statistics.add(state, data.value) },
  merge: statistics.merge,
  emits: 'sensor.analytics',
  result: (state, window) => {
    const { mean, min, max, standardDeviation } = statistics.summary(state);
    return { ...sensorOf(window), mean, min, max, standardDeviation };
  },
});

function sensorOf({ key }: WindowData) {
  const [sensor = '', type] = key.split('/');
  return { sensor, type: sensorType.parse(type) };
}

/** The latest result of each sensor and type. */
export const latestAnalytics = defineProjection({
  name: 'sensor-analytics',
  version: 1,
  tables: {
    sensor_analytics: `
      create table sensor_analytics (
        sensor text not null,
        type text not null,
        ends_at bigint not null,
        version bigint not null,
        revision bigint not null,
        figures text not null,
        primary key (sensor, type)
      )`,
  },
  on: {
    'sensor.analytics': async ({ data: { window, sensor, type, ...figures } }, { sql }) => {
      const { start, end, version, revision, count } = window;
      const json = JSON.stringify({ start: new Date(start), end: new Date(end), count, ...figures });
      await sql`
        insert into sensor_analytics (sensor, type, ends_at, version, revision, figures)
        values (${sensor}, ${type}, ${end}, ${version}, ${revision}, ${json})
        on conflict (sensor, type) do update
        set ends_at = excluded.ends_at, version = excluded.version, revision = excluded.revision, figures = excluded.figures
        where (excluded.ends_at, excluded.version, excluded.revision)
          > (sensor_analytics.ends_at, sensor_analytics.version, sensor_analytics.revision)`;
    },
  },
});

/** Computes the figures of each sensor over the last minute, and keeps the latest. */
export default defineWorker({
  name: 'sensor-analytics',
  store: 'core',
  projections: [latestAnalytics],
  windows: [valuesOfMinute],
});
