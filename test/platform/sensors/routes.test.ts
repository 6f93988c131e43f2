import { expect } from 'chai';
import { derivedId, originContext } from 'flotilla';
import { platform } from '../../../platform/catalogue.js';
import { routes } from '../../../platform/routes.js';
import { createEvent } from '../../../src/events/create.js';
import { startApi, temporaryFile, type Answer, type Api } from '../../api/support/start.js';

const time = '2026-11-29T10:00:00.000Z';
const reading = { type: 'temperature', value: 21.5, time };

describe('platform: sensors over HTTP', () => {
  let file: Awaited<ReturnType<typeof temporaryFile>>;
  let api: Api;
  before(async () => {
    file = await temporaryFile();
    api = await startApi(file.path, { routes: routes({ fulfilment: 'orchestrated' }, ['sensors']) });
  });
  after(async () => {
    await api.close();
    await file.remove();
  });

  const post = (sensor: string, body: unknown) => api.send('POST', `/sensors/${sensor}/readings`, { body });
  const counts = ({ status, body }: Answer) => [status, body.accepted, body.repeated];
  const problem = ({ status, body }: Answer) => [status, body.code];

  it('stores one reading, or up to 500, before it answers', async () => {
    expect(counts(await post('s1', reading))).to.deep.equal([202, 1, 0]);
    const many = Array.from({ length: 500 }, (_, value) => ({ ...reading, value }));
    expect(counts(await post('s1', many))).to.deep.equal([202, 500, 0]);
    const stored = await api.store.read('sensor/s1');
    expect(stored.map(({ event }) => event.data)).to.deep.equal([
      { sensor: 's1', readings: [{ ...reading, unit: '°C' }] },
      { sensor: 's1', readings: many.map((each) => ({ ...each, unit: '°C' })) },
    ]);
  });

  it('does not store a repeated reading again', async () => {
    expect(counts(await post('s2', [reading, reading]))).to.deep.equal([202, 1, 1]);
    expect(counts(await post('s2', { ...reading, time: '2026-11-29T11:00:00+01:00' }))).to.deep.equal([202, 0, 1]);
    expect(counts(await post('s2', { ...reading, seq: 1 }))).to.deep.equal([202, 1, 0]);
    expect(counts(await post('s2', { ...reading, value: 22, seq: 1 }))).to.deep.equal([202, 0, 1]);
    expect(counts(await post('s3', reading))).to.deep.equal([202, 1, 0]);
  });

  it('does not store a repeated request again, but readings that are repeated with others', async () => {
    const [a, b, c] = [1, 2, 3].map((seq) => ({ ...reading, seq }));
    expect(counts(await post('s5', [a, b]))).to.deep.equal([202, 2, 0]);
    expect(counts(await post('s5', [a, b]))).to.deep.equal([202, 0, 2]);
    expect(counts(await post('s5', [a, b, b]))).to.deep.equal([202, 0, 3]);
    expect(counts(await post('s5', [b, c]))).to.deep.equal([202, 2, 0]);
    expect(await api.store.read('sensor/s5')).to.have.length(2);
  });

  it('recognises a single reading that an earlier version stored', async () => {
    const data = { sensor: 's6', type: 'temperature', value: 21.5, unit: '°C', time };
    const parts = ['sensor.reading', 's6', 'temperature', time, 'value 21.5'];
    const context = {
      ...originContext({ source: 'core', subject: 'sensor/s6' }),
      id: derivedId(Date.parse(time), ...parts),
    };
    const stored = createEvent(platform.definitions, 'sensor.reading', data, context, 1);
    await api.store.append('sensor/s6', 'any', [stored]);
    expect(counts(await post('s6', reading))).to.deep.equal([202, 0, 1]);
  });

  it('refuses what is no reading, and stores nothing of the request', async () => {
    const ahead = new Date(Date.now() + 6 * 60_000).toISOString();
    const bad: unknown[] = [
      { ...reading, type: 'noise' },
      { ...reading, value: '21.5' },
      { ...reading, value: null },
      { ...reading, value: 1e300 },
      { ...reading, time: 'yesterday' },
      { ...reading, unit: '°F' },
      { ...reading, extra: 1 },
      [],
      Array.from({ length: 501 }, (_, value) => ({ ...reading, value })),
      [reading, { ...reading, value: 'NaN' }],
    ];
    for (const body of bad)
      expect(problem(await post('s4', body)), JSON.stringify(body).slice(0, 80)).to.deep.equal([
        400,
        'request.invalid',
      ]);
    expect(problem(await post('s4', [reading, { ...reading, time: ahead }]))).to.deep.equal([422, 'sensor.time_ahead']);
    expect(problem(await post('s4.x', reading))).to.deep.equal([400, 'request.invalid']);
    const notJson = await fetch(`${api.url}/sensors/s4/readings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"type":"temperature","value":NaN}`,
    });
    expect([notJson.status, ((await notJson.json()) as { code: string }).code]).to.deep.equal([
      400,
      'request.malformed_json',
    ]);
    expect(await api.store.read('sensor/s4')).to.deep.equal([]);
  });

  it('names the field that is not valid, of one reading and of several', async () => {
    const errorOf = async (body: unknown) => {
      const [error] = (await post('s4', body)).body.errors as { path: string; message: string }[];
      return [error?.path, error?.message];
    };
    const expected = 'Invalid input: expected number, received string';
    expect(await errorOf({ ...reading, value: '21' })).to.deep.equal(['value', expected]);
    expect(await errorOf([reading, { ...reading, value: '21' }])).to.deep.equal(['1.value', expected]);
    const types = 'expected one of temperature, humidity, pressure, motion';
    expect(await errorOf({ ...reading, type: 'noise' })).to.deep.equal(['type', types]);
    expect(await errorOf([{ ...reading, type: 'noise' }])).to.deep.equal(['0.type', types]);
    expect(await errorOf({ ...reading, unit: '°F' })).to.deep.equal([
      'unit',
      'Invalid option: expected one of "°C"|"C"|"celsius"',
    ]);
    const many = Array.from({ length: 501 }, () => reading);
    expect(await errorOf(many)).to.deep.equal(['', 'Too big: expected array to have <=500 items']);
    expect(await errorOf('"x"')).to.deep.equal([
      '',
      'Invalid input: expected object, received string; or: Invalid input: expected array, received string',
    ]);
  });

  it('are off in a platform that runs without sensors, by every route', async () => {
    const other = await temporaryFile();
    const without = await startApi(other.path, { routes: routes({ fulfilment: 'orchestrated' }) });
    try {
      const refused = await without.send('POST', '/sensors/s1/readings', { body: reading });
      expect(problem(refused)).to.deep.equal([404, 'sensor.off']);
      for (const path of ['/sensors', '/sensors/s1', '/sensors/s1/alerts', '/sensors/s1/analytics']) {
        expect(problem(await without.send('GET', path)), path).to.deep.equal([404, 'sensor.off']);
      }
    } finally {
      await without.close();
      await other.remove();
    }
  });
});
