import type { Sql } from 'flotilla';
import { defineWorker, type Data } from '../catalogue.js';
import { changeOf, ranges, type Alert, type Level } from './alerts.js';
import { subjectOf } from './readings.js';

interface State {
  /** Of the latest reading, in milliseconds. */
  time: number;
  alert: Alert;
  isOffline: boolean;
}

/** Keeps the latest reading of each sensor and type, and reports a value that leaves its range or returns. It needs the
 *  readings of a sensor in order; one that is older than the latest changes nothing. */
export default defineWorker({
  name: 'sensor-alerts',
  store: 'core',
  ordering: { by: 'subject', partitions: 4, pipelined: true },
  emits: ['sensor.alert'],
  migrations: [
    {
      name: 'latest readings',
      sql: `
        create table sensors (
          sensor text primary key,
          seen_at bigint not null,
          offline_at bigint
        );
        create table sensor_values (
          sensor text not null,
          type text not null,
          value double precision not null,
          unit text not null,
          location text,
          time bigint not null,
          level text not null,
          reported_at bigint,
          primary key (sensor, type)
        );
      `,
    },
  ],
  on: {
    'sensor.reading': ({ data }, ctx) => {
      ctx.write(async ({ sql, emit }) => {
        const { sensor, type, value, unit } = data;
        const [time, range, latest] = [Date.parse(data.time), ranges[type], await readState(sql, data)];
        if (latest !== undefined && time < latest.time) return;
        const before: Alert = latest?.alert ?? { level: 'normal', reportedAt: undefined };
        const level = range && changeOf(before, range, value, time);
        if (latest === undefined || latest.isOffline) await writeOnline(sql, data);
        await writeState(sql, data, level === undefined ? before : { level, reportedAt: time });
        if (range === undefined || level === undefined) return;
        const state = level === 'normal' ? 'cleared' : 'raised';
        const severity = level === 'normal' ? severityOf(before.level) : level;
        const { min, max } = range;
        const alert = { sensor, type, state, severity, value, unit, time: data.time, range: { min, max } } as const;
        await emit('sensor.alert', alert, { subject: subjectOf(sensor) });
      });
    },
    'sensor.offline': ({ data: { sensor, time } }, ctx) => {
      const at = Date.parse(time);
      ctx.write(async ({ sql }) => {
        await sql`
          insert into sensors (sensor, seen_at, offline_at) values (${sensor}, ${at}, ${at})
          on conflict (sensor) do update set offline_at = excluded.offline_at`;
      });
    },
  },
});

/** An alert that is cleared was raised with a severity. */
function severityOf(level: Level): 'medium' | 'high' {
  return level === 'high' ? 'high' : 'medium';
}

async function readState(sql: Sql, { sensor, type }: Data<'sensor.reading'>): Promise<State | undefined> {
  const [row] = await sql<{ time: number; level: Level; reported_at: number | null; offline_at: number | null }>`
    select v.time, v.level, v.reported_at, s.offline_at
    from sensor_values v join sensors s on s.sensor = v.sensor
    where v.sensor = ${sensor} and v.type = ${type}`;
  if (row === undefined) return undefined;
  const reportedAt = row.reported_at === null ? undefined : Number(row.reported_at);
  return { time: Number(row.time), alert: { level: row.level, reportedAt }, isOffline: row.offline_at !== null };
}

/** `seen_at` is the time of its first message; those of later readings are in `sensor_values`. */
async function writeOnline(sql: Sql, { sensor, time }: Data<'sensor.reading'>): Promise<void> {
  await sql`
    insert into sensors (sensor, seen_at) values (${sensor}, ${Date.parse(time)})
    on conflict (sensor) do update set offline_at = null`;
}

async function writeState(sql: Sql, data: Data<'sensor.reading'>, { level, reportedAt }: Alert): Promise<void> {
  const { sensor, type, value, unit, location = null } = data;
  const time = Date.parse(data.time);
  await sql`
    insert into sensor_values (sensor, type, value, unit, location, time, level, reported_at)
    values (${sensor}, ${type}, ${value}, ${unit}, ${location}, ${time}, ${level}, ${reportedAt ?? null})
    on conflict (sensor, type) do update
    set value = excluded.value, unit = excluded.unit, location = excluded.location, time = excluded.time,
      level = excluded.level, reported_at = excluded.reported_at`;
}
