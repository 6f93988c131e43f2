import { expect } from 'chai';
import { originContext } from 'flotilla';
import { create } from '../../../platform/catalogue.js';
import { routes } from '../../../platform/routes.js';
import analytics from '../../../workers/analytics/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';
import { startWorker, type RunningWorker } from '../../../src/worker/start.js';
import { startApi, type Api } from '../../api/support/start.js';
import { openLogFixture, type LogFixture } from '../../event-log/support/log-fixture.js';
import { eventually } from '../../support/eventually.js';

const MINUTE = 60_000;

describe('the metrics of orders', () => {
  let bench: LogFixture;
  let running: RunningWorker;
  let api: Api;
  const begin = Math.floor(Date.now() / MINUTE) * MINUTE - 60 * MINUTE;

  beforeEach(async () => {
    bench = await openLogFixture('memory');
    running = await startWorker(workerDefinitionOf(analytics), {
      ...{ store: await bench.open('core'), broker: bench.broker, prefix: bench.opened.prefix, instance: 'one' },
      logger: silentLogger(),
    });
    api = await startApi(`${bench.folder}/core.db`, { routes: routes({ fulfilment: 'orchestrated' }) });
  });
  afterEach(async () => {
    await api.close();
    await running.stop(5_000);
    await bench.close();
  });

  const order = (orderId: string, { after, total, currency }: { after: number; total: number; currency: string }) =>
    create(
      'order.created',
      {
        ...{ orderId, userId: 'u1', currency, total },
        items: [{ sku: 'BOOK-1', quantity: 1, unitPrice: total }],
        payment: { token: 'tok_visa' },
        shippingAddress: { name: 'Ada', line1: 'Main St 1', city: 'Zurich', postalCode: '8000', country: 'CH' },
      },
      originContext({ source: 'core', subject: `order/${orderId}`, now: begin + after }),
    );
  const minutes = async (query = '') => (await api.send('GET', `/statistics/minutes${query}`)).body.items;

  it('show count, revenue and average value by minute and currency, and a late order as a correction', async () => {
    await bench.publish(
      order('o1', { after: 1_000, total: 1_000, currency: 'EUR' }),
      order('o2', { after: 59_999, total: 2_001, currency: 'EUR' }),
      order('o3', { after: 2_000, total: 500, currency: 'USD' }),
      order('o4', { after: MINUTE, total: 700, currency: 'EUR' }),
      order('o5', { after: 3 * MINUTE, total: 1, currency: 'EUR' }),
    );
    const [second, first] = await eventually(async () => {
      const items = await minutes();
      return items.length === 2 && items;
    });
    const usd = { currency: 'USD', orders: 1, revenue: 500, averageOrderValue: 500 };
    expect(first).to.deep.equal({
      start: new Date(begin).toISOString(),
      end: new Date(begin + MINUTE).toISOString(),
      orders: 3,
      currencies: [{ currency: 'EUR', orders: 2, revenue: 3_001, averageOrderValue: 1_501 }, usd],
      revision: 0,
      late: 0,
    });
    expect(second).to.include({ orders: 1, revision: 0 });

    await bench.publish(order('o6', { after: 30_000, total: 2_000, currency: 'EUR' }));
    const corrected = await eventually(async () => {
      const [only] = await minutes(`?until=${new Date(begin + MINUTE).toISOString()}`);
      return only.revision === 1 && only;
    });
    expect(corrected).to.deep.include({ orders: 4, late: 1, revision: 1 });
    expect(corrected.currencies).to.deep.equal([
      { currency: 'EUR', orders: 3, revenue: 5_001, averageOrderValue: 1_667 },
      usd,
    ]);
  });

  it('are listed in pages, newest first, and refuse an interval that ends before it begins', async () => {
    await bench.publish(...[0, 1, 2, 4].map((n) => order(`p${n}`, { after: n * MINUTE, total: 10, currency: 'EUR' })));
    await eventually(async () => (await minutes()).length === 3);
    const first = (await api.send('GET', '/statistics/minutes?limit=2')).body;
    const rest = (await api.send('GET', `/statistics/minutes?limit=2&cursor=${first.nextCursor}`)).body;
    const starts = [...first.items, ...rest.items].map(({ start }: { start: string }) => Date.parse(start) - begin);
    expect(starts).to.deep.equal([2 * MINUTE, MINUTE, 0]);
    expect(rest.nextCursor).to.equal(null);
    const refused = await api.send('GET', '/statistics/minutes?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z');
    expect(refused.status).to.equal(400);
  });
});
