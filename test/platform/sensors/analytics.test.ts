import { expect } from 'chai';
import { originContext } from 'flotilla';
import { create, platform } from '../../../platform/catalogue.js';
import { readingId, type Measured } from '../../../platform/sensors/reading-event.js';
import { routes } from '../../../platform/routes.js';
import { createEvent } from '../../../src/events/create.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';
import { startWorker, type RunningWorker } from '../../../src/worker/start.js';
import sensorAnalytics from '../../../workers/sensor-analytics/index.js';
import { startApi, type Api } from '../../api/support/start.js';
import { openLogFixture, type LogFixture } from '../../event-log/support/log-fixture.js';
import { eventually } from '../../support/eventually.js';

const SECOND = 1_000;

describe('the figures of sensors', () => {
  let bench: LogFixture;
  let running: RunningWorker;
  let api: Api;
  const begin = Math.floor(Date.now() / (10 * SECOND)) * 10 * SECOND - 600 * SECOND;

  before(async () => {
    bench = await openLogFixture('memory');
    running = await startWorker(workerDefinitionOf(sensorAnalytics), {
      ...{ store: await bench.open('core'), broker: bench.broker, prefix: bench.opened.prefix, instance: 'one' },
      logger: silentLogger(),
    });
    api = await startApi(`${bench.folder}/core.db`, {
      routes: routes({ fulfilment: 'orchestrated' }, ['sensors']),
    });
  });
  after(async () => {
    await api.close();
    await running.stop(5_000);
    await bench.close();
  });

  const at = (after: number) => new Date(begin + after).toISOString();
  const measured = (value: number, after: number): Measured => {
    return { type: 'temperature', value, unit: '°C', time: at(after) };
  };
  /** Stored ten minutes after they were measured. */
  const readings = (sensor: string, ...values: Measured[]) =>
    create(
      'sensor.reading',
      { sensor, readings: values },
      originContext({ source: 'core', subject: `sensor/${sensor}` }),
    );
  /** As an earlier version stored it. */
  const storedBefore = (sensor: string, reading: Measured) => {
    const context = {
      ...originContext({ source: 'core', subject: `sensor/${sensor}` }),
      id: readingId(sensor, reading),
    };
    return createEvent(platform.definitions, 'sensor.reading', { sensor, ...reading }, context, 1);
  };

  it('are of the last minute in which they were measured, not stored, each reading once', async () => {
    const [first, second, last] = [measured(20, 0), measured(30, 59 * SECOND), measured(40, 60 * SECOND)];
    await bench.publish(
      storedBefore('s1', first),
      readings('s1', first, second),
      // a device that received no answer sends them again, with others
      readings('s1', second, last, { ...last, type: 'humidity', unit: '%' }),
      // closes the windows before it
      readings('s2', measured(1, 80 * SECOND)),
    );
    const values = await eventually(async () => {
      const { status, body } = await api.send('GET', '/sensors/s1/analytics');
      return status === 200 && body.values[1]?.end === at(70 * SECOND) && body.values;
    });
    const window = { start: at(10 * SECOND), end: at(70 * SECOND) };
    expect(values).to.deep.equal([
      { type: 'humidity', ...window, count: 1, mean: 40, min: 40, max: 40, standardDeviation: 0 },
      { type: 'temperature', ...window, count: 2, mean: 35, min: 30, max: 40, standardDeviation: Math.sqrt(50) },
    ]);
  });

  it('of a sensor without readings do not exist', async () => {
    const body = await eventually(async () => {
      const answer = await api.send('GET', '/sensors/s9/analytics');
      return answer.status === 404 && answer.body;
    });
    expect(body.code).to.equal('sensor.not_found');
  });
});
