import { expect } from 'chai';
import { harness, type TestEvent } from 'flotilla/testing';
import { routes } from '../../platform/routes.js';
import { prepareTables } from '../../src/runtime/stores/tables-read.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import sensorAlerts from '../../workers/sensor-alerts/index.js';
import { startApi, temporaryFile } from '../api/support/start.js';

const sensor = 's1';
const at = (minute: number) => new Date(Date.UTC(2026, 10, 29, 10, minute)).toISOString();
const subject = `sensor/${sensor}`;
const measured = (value: number, minute: number) => ({ type: 'temperature', value, unit: '°C', time: at(minute) });
const together = (...readings: ReturnType<typeof measured>[]): TestEvent => ({
  type: 'sensor.reading',
  subject,
  data: { sensor, readings },
});
const read = (value: number, minute: number) => together(measured(value, minute));
/** As an earlier version stored it. */
const readBefore = (value: number, minute: number): TestEvent => ({
  type: 'sensor.reading',
  version: 1,
  subject,
  data: { sensor, ...measured(value, minute) },
});
const alert = (state: 'raised' | 'cleared', value: number, minute: number) => ({
  type: 'sensor.alert',
  subject,
  data: {
    ...{ sensor, type: 'temperature', unit: '°C', range: { min: 15, max: 30 } },
    ...{ state, severity: 'high', value, time: at(minute) },
  },
});

describe('worker sensor-alerts', function () {
  this.timeout(30_000);

  it('raises an alert when a value leaves its range, and clears it when the value returns', async () => {
    await harness(sensorAlerts)
      .given(read(20, 0))
      .when(read(40, 1))
      .emits(alert('raised', 40, 1));
    await harness(sensorAlerts)
      .given(read(40, 1))
      .when(read(20, 2))
      .emits(alert('cleared', 20, 2));
    await harness(sensorAlerts).given(read(40, 1)).when(read(41, 2)).emits();
  });

  it('ignores a reading that is older than the latest', async () => {
    await harness(sensorAlerts).given(read(20, 5)).when(read(40, 1)).emits();
  });

  it('handles readings that were reported together in order', async () => {
    const readings = [measured(40, 1), measured(20, 2), measured(40, 1), measured(41, 3)];
    await harness(sensorAlerts)
      .when(together(...readings))
      .emits(alert('raised', 40, 1), alert('cleared', 20, 2), alert('raised', 41, 3));
  });

  it('handles a reading that an earlier version stored', async () => {
    await harness(sensorAlerts)
      .given(readBefore(40, 1))
      .when(readBefore(20, 2))
      .emits(alert('cleared', 20, 2));
  });

  it('is served with the latest value of each type', async () => {
    const file = await temporaryFile();
    const api = await startApi(file.path, { routes: routes({ fulfilment: 'orchestrated' }, ['sensors']) });
    try {
      await prepareTables(api.store, { workers: [workerDefinitionOf(sensorAlerts)], projections: [] });
      const seen = Date.parse(at(1));
      await api.store.transaction(async ({ sql }) => {
        for (const id of ['a', 'b', 'c']) {
          await sql`insert into sensors (sensor, seen_at, offline_at) values (${id}, ${seen}, ${id === 'c' ? seen : null})`;
        }
        await sql`
          insert into sensor_values (sensor, type, value, unit, time, level)
          values ('a', 'pressure', 1030, 'hPa', ${Date.parse(at(3))}, 'medium'), ('a', 'temperature', 20, '°C', ${seen}, 'normal')`;
      });
      const a = {
        id: 'a',
        status: 'online',
        lastSeen: at(3),
        values: [
          { type: 'pressure', value: 1030, unit: 'hPa', time: at(3), alert: 'medium' },
          { type: 'temperature', value: 20, unit: '°C', time: at(1), alert: 'normal' },
        ],
      };
      const first = await api.send('GET', '/sensors?limit=2');
      expect(first.body.items).to.deep.equal([a, { id: 'b', status: 'online', lastSeen: at(1), values: [] }]);
      const cursor = encodeURIComponent(first.body.nextCursor as string);
      const second = await api.send('GET', `/sensors?limit=2&cursor=${cursor}`);
      expect(second.body.items).to.deep.equal([{ id: 'c', status: 'offline', lastSeen: at(1), values: [] }]);
      expect(second.body.nextCursor).to.equal(null);
      expect((await api.send('GET', '/sensors/a')).body).to.deep.equal(a);
      const missing = await api.send('GET', '/sensors/d');
      expect([missing.status, missing.body.code]).to.deep.equal([404, 'sensor.not_found']);
      expect((await api.send('GET', '/sensors/d/alerts')).body.code).to.equal('sensor.not_found');
    } finally {
      await api.close();
      await file.remove();
    }
  });
});
