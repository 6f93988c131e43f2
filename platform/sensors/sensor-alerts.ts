import type { Sql } from 'flotilla';
import { defineWorker } from '../catalogue.js';
import type { Level } from './alerts.js';
import { applyReadings, type Latest, type Update } from './apply-readings.js';
import { subjectOf, type SensorType } from './readings.js';

/** What is stored of a sensor. */
interface State {
  isOnline: boolean;
  latest: Map<SensorType, Latest>;
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
    'sensor.reading': ({ data: { sensor, readings } }, ctx) => {
      ctx.write(async ({ sql, emit }) => {
        const { isOnline, latest } = await readState(sql, sensor);
        const { first, updates, alerts } = applyReadings(latest, readings);
        if (first !== undefined && !isOnline) await writeOnline(sql, sensor, first);
        for (const update of updates) await writeUpdate(sql, sensor, update);
        for (const alert of alerts) await emit('sensor.alert', { sensor, ...alert }, { subject: subjectOf(sensor) });
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

interface Row {
  offline_at: number | null;
  type: SensorType | null;
  time: number;
  level: Level;
  reported_at: number | null;
}

async function readState(sql: Sql, sensor: string): Promise<State> {
  const rows = await sql<Row>`
    select s.offline_at, v.type, v.time, v.level, v.reported_at
    from sensors s left join sensor_values v on v.sensor = s.sensor
    where s.sensor = ${sensor}`;
  const latest = new Map<SensorType, Latest>();
  for (const { type, time, level, reported_at } of rows) {
    if (type === null) continue; // went offline before its first reading
    const reportedAt = reported_at === null ? undefined : Number(reported_at);
    latest.set(type, { time: Number(time), alert: { level, reportedAt } });
  }
  return { isOnline: rows[0]?.offline_at === null, latest };
}

/** `seen_at` is the time of its first message; those of later readings are in `sensor_values`. */
async function writeOnline(sql: Sql, sensor: string, time: number): Promise<void> {
  await sql`
    insert into sensors (sensor, seen_at) values (${sensor}, ${time})
    on conflict (sensor) do update set offline_at = null`;
}

async function writeUpdate(sql: Sql, sensor: string, { reading, time, alert }: Update): Promise<void> {
  const { type, value, unit, location = null } = reading;
  const { level, reportedAt = null } = alert;
  await sql`
    insert into sensor_values (sensor, type, value, unit, location, time, level, reported_at)
    values (${sensor}, ${type}, ${value}, ${unit}, ${location}, ${time}, ${level}, ${reportedAt})
    on conflict (sensor, type) do update
    set value = excluded.value, unit = excluded.unit, location = excluded.location, time = excluded.time,
      level = excluded.level, reported_at = excluded.reported_at`;
}
