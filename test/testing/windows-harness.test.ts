import { expect } from 'chai';
import { z } from 'zod';
import { baseCatalogue, catalogue, event, tumbling, windowResult } from 'flotilla';
import { windowsHarness } from 'flotilla/testing';

const shop = catalogue(baseCatalogue, {
  'order.created': event({ 1: z.strictObject({ total: z.int() }) }),
  'order.metrics': event({ 1: windowResult({ orders: z.int(), revenue: z.int() }) }),
});
const metrics = shop.defineWindows({
  ...{ name: 'metrics', version: 1, window: tumbling('1m'), grace: '5s', idleAfter: '30s', emits: 'order.metrics' },
  initial: () => ({ orders: 0, revenue: 0 }),
  on: {
    'order.created': ({ orders, revenue }, { data }) => {
      if (data.total < 0) throw new RangeError('a negative total');
      return { orders: orders + 1, revenue: revenue + data.total };
    },
  },
  result: (state) => state,
});

describe('the test harness of windows', () => {
  const order = (clock: string, total: number, id?: string) => ({
    ...{ type: 'order.created', time: `2026-01-31T${clock}Z`, data: { total } },
    ...(id !== undefined && { id }),
  });
  const at = (clock: string) => Date.parse(`2026-01-31T${clock}Z`);

  it('closes a window by later events, and corrects it for a late one', async () => {
    const { results, late } = await windowsHarness(metrics)
      .receive(order('08:00:10', 5), order('08:00:50', 7), order('08:01:04', 1), order('08:01:05', 1))
      .receive(order('08:00:59', 100))
      .result();
    expect(results.map(({ data, window }) => [data, window.start, window.revision])).to.deep.equal([
      [{ orders: 2, revenue: 12 }, at('08:00:00'), 0],
      [{ orders: 3, revenue: 112 }, at('08:00:00'), 1],
    ]);
    expect(late.map(({ outcome, lateBy }) => ({ outcome, lateBy }))).to.deep.equal([
      { outcome: 'corrected', lateBy: 1 },
    ]);
  });

  it('closes the last window by the clock, not before it is due', async () => {
    const scenario = windowsHarness(metrics).receive(order('08:00:50', 5));
    expect((await scenario.advance('44s').result()).results).to.deep.equal([]);
    // idle after 30 s, then the wall clock less 35 s
    const { results } = await scenario.advance('45s').result();
    expect(results.map(({ window }) => window.end)).to.deep.equal([at('08:01:00')]);
  });

  it('lets the time until an event pass, so that the clock closes windows before it', async () => {
    const { results, late } = await windowsHarness(metrics)
      .receive(order('08:00:50', 5), order('08:20:00', 1))
      .result();
    expect(results.map(({ window }) => [window.end, window.watermark])).to.deep.equal([
      [at('08:01:00'), at('08:01:00')],
    ]);
    expect(late).to.deep.equal([]);
  });

  it('counts a repeated event once, and rejects wrong events and a fold that throws', async () => {
    const twice = windowsHarness(metrics).receive(order('08:00:10', 5, 'a'), order('08:00:10', 5, 'a'));
    expect((await twice.advance('2m').result()).results[0]?.data).to.deep.equal({ orders: 1, revenue: 5 });
    const rejection = (total: unknown, type = 'order.created') =>
      windowsHarness(metrics)
        .receive({ type, time: '2026-01-31T08:00:00Z', data: { total } })
        .result()
        .then(
          () => undefined,
          (error: unknown) => error,
        );
    expect(await rejection('5')).to.have.property('code', 'contract.invalid_data');
    expect(await rejection(5, 'order.paid'))
      .to.have.property('message')
      .that.includes('do not read order.paid');
    expect(await rejection(-1)).to.have.property('message', 'a negative total');
  });
});
