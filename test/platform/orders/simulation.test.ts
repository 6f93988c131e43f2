import { expect } from 'chai';
import { ordersLoad } from '../../../platform/orders/simulation/orders.js';
import { startShop, type Shop } from '../support/shop.js';

describe('platform: simulated orders', function () {
  this.timeout(60_000);
  let shop: Shop;
  before(async () => {
    shop = await startShop();
  });
  after(() => shop.close());

  it('are done when they are shipped, and failed when they end otherwise', async () => {
    const context = { api: shop.api.url, token: undefined, signal: new AbortController().signal };
    const load = await ordersLoad.start({ tokens: 'tok_ok,tok_declined' }, context);
    const [shipped = '', declined = ''] = [await load.send(), await load.send()];
    expect(await load.ended([shipped, declined])).to.deep.equal([]);
    while (await shop.step());
    const ended = await load.ended([shipped, declined]);
    const outcomes = new Map(ended.map(({ id, outcome }) => [id, outcome]));
    expect(outcomes).to.deep.equal(
      new Map([
        [declined, 'failed'],
        [shipped, 'done'],
      ]),
    );
    for (const { milliseconds } of ended) expect(milliseconds).to.be.within(0, 60_000);
  });
});
