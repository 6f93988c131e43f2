import { expect } from 'chai';
import { originContext } from 'flotilla';
import { create } from '../../../platform/catalogue.js';
import { readingData } from '../../../platform/sensors/reading-event.js';
import { units, type Reading, type SensorType } from '../../../platform/sensors/readings.js';
import type { Store } from '../../../src/store/store.js';
import sensorAlerts from '../../../workers/sensor-alerts/index.js';
import { seed, seededRandom } from '../../support/seed.js';
import { simulatedFleet } from '../support/simulated-fleet.js';

const SENSORS = 12;
const READINGS = 40;
const BEGIN = Date.parse('2026-01-01T00:00:00Z');
const MINUTE = 60_000;
/** In and out of each range, and between their limits and hysteresis. */
const values: Record<SensorType, readonly number[]> = {
  temperature: [22, 14, 29.8, 30.2, 31, 40],
  humidity: [50, 19, 21, 79, 81, 95],
  pressure: [1010, 994, 995.5, 1024.5, 1026, 1040],
  motion: [0, 7],
};

const random = seededRandom('batches of readings');
const below = (limit: number) => Math.floor(random() * limit);
const oneOf = <T>(items: readonly T[]): T => items[below(items.length)] as T;

/** Readings in an order that is not that of their times, some of them at the same time. */
function readings(): Reading[] {
  return Array.from({ length: READINGS }, (_, seq): Reading => {
    const type = oneOf(Object.keys(units) as SensorType[]);
    const time = new Date(BEGIN + seq * (MINUTE / 3) - below(4) * (MINUTE / 3)).toISOString();
    return { type, value: oneOf(values[type]), time, seq, ...(random() < 0.3 && { location: `room ${below(3)}` }) };
  });
}

/** Delivers events in order, and each once. */
function inOrder(): () => number {
  let calls = 0;
  return () => calls++ % 2;
}

describe('platform: readings that are reported together', function () {
  this.timeout(60_000);

  it(`have the effect of readings that are reported one by one (TEST_SEED=${seed})`, async () => {
    const fleet = await simulatedFleet([sensorAlerts], { use: {}, random: inOrder() });
    try {
      const store = fleet.store('core');
      for (let n = 0; n < SENSORS; n += 1) {
        const all = readings();
        while (all.length > 0) {
          const batch = all.splice(0, 1 + below(12));
          const isOffline = random() < 0.2;
          await report(store, `batch-${n}`, [batch], isOffline);
          const single = batch.map((reading) => [reading]);
          await report(store, `single-${n}`, single, isOffline);
        }
      }
      while (await fleet.step());
      let alerts = 0;
      for (let n = 0; n < SENSORS; n += 1) {
        const single = await effects(store, `single-${n}`);
        expect(await effects(store, `batch-${n}`)).to.deep.equal(single);
        alerts += single.alerts.length;
      }
      expect(alerts).to.be.greaterThan(SENSORS);
    } finally {
      await fleet.stop();
    }
  });
});

/** Stores reports of a sensor, and that it has gone offline after them. */
async function report(store: Store, sensor: string, reports: Reading[][], isOffline: boolean): Promise<void> {
  const subject = `sensor/${sensor}`;
  const context = () => originContext({ source: 'core', subject });
  const events = reports.map((each) => create('sensor.reading', readingData(sensor, each, 0), context()));
  const offline = create('sensor.offline', { sensor, time: new Date(BEGIN).toISOString() }, context());
  await store.append(subject, 'any', isOffline ? [...events, offline] : events);
}

/** The rows and alerts of a sensor, without its name. */
async function effects(store: Store, sensor: string) {
  const events = await store.read(`sensor/${sensor}`);
  return {
    sensors: await store.query`select seen_at, offline_at from sensors where sensor = ${sensor}`,
    values: await store.query`
      select type, value, unit, location, time, level, reported_at from sensor_values
      where sensor = ${sensor} order by type`,
    alerts: events
      .filter(({ type }) => type === 'sensor.alert')
      .map(({ event }) => ({ ...(event.data as object), sensor: '' })),
  };
}
