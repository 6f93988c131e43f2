import { expect } from 'chai';
import { sensorsLoad } from '../../../platform/sensors/simulation.js';
import { startShop, type Shop } from '../support/shop.js';

describe('platform: simulated sensors', function () {
  this.timeout(60_000);
  let shop: Shop;
  before(async () => {
    shop = await startShop();
  });
  after(() => shop.close());

  it('report several readings, which are done when the worker of alerts has handled them', async () => {
    const { api } = shop;
    const context = { api: api.url, token: undefined, signal: new AbortController().signal };
    const load = await sensorsLoad.start({ sensors: '1', batch: '3', faulty: '1' }, context);
    const ids = [await load.send(), await load.send()];
    expect(await load.ended(ids)).to.deep.equal([]);
    const stored = await api.store.read('sensor/sim-0');
    const reports = stored.map(({ event }) => (event.data as { readings: { time: string; value: number }[] }).readings);
    expect(reports.map(({ length }) => length)).to.deep.equal([3, 3]);
    for (const report of reports) {
      const times = report.map(({ time }) => time);
      expect(times).to.deep.equal([...new Set(times)].sort());
      for (const { value } of report) expect(value).to.be.within(40, 41);
    }
    while (await shop.step());
    const ended = await load.ended(ids);
    expect(ended.map(({ id, outcome }) => [id, outcome])).to.deep.equal(ids.map((id) => [id, 'done']));
  });
});
