import { expect } from 'chai';
import { CONSUMERS, type Order } from '../../bench/peers/peer.js';
import { Tally } from '../../bench/peers/tally.js';

const order = (id: string, fails: Order['fails']): Order => ({
  id,
  customer: 'Ada',
  currency: 'USD',
  items: [{ sku: 'item_1', quantity: 1, unitPrice: 1 }],
  fails,
});

describe('tally of the order job', () => {
  it('counts an order when all three consumers have handled it', () => {
    const tally = new Tally();
    tally.handle('inventory', order('a', 'never'));
    tally.handle('payment', order('a', 'never'));
    tally.handle('payment', order('b', 'never'));
    expect(tally.counts()).to.deep.equal({ done: 0, repeated: 0 });
    tally.handle('shipping', order('a', 'never'));
    expect(tally.counts()).to.deep.equal({ done: 1, repeated: 0 });
  });

  it('reports an order that a consumer handles again, and does not count it twice', () => {
    const tally = new Tally();
    for (const consumer of [...CONSUMERS, ...CONSUMERS]) tally.handle(consumer, order('a', 'never'));
    expect(tally.counts()).to.deep.equal({ done: 1, repeated: 3 });
  });

  it('fails the first attempt of each consumer, or every attempt, as the order demands', () => {
    const tally = new Tally();
    for (const consumer of CONSUMERS) {
      expect(() => tally.handle(consumer, order('once', 'once'))).to.throw('first attempt');
      expect(() => tally.handle(consumer, order('always', 'always'))).to.throw('always fails');
      tally.handle(consumer, order('once', 'once'));
      expect(() => tally.handle(consumer, order('always', 'always'))).to.throw('always fails');
    }
    expect(tally.counts()).to.deep.equal({ done: 1, repeated: 0 });
  });

  it('resolves `done` at the demanded number of orders, also after they are done', async () => {
    const tally = new Tally();
    let resolved = false;
    const two = tally.done(2).then(() => (resolved = true));
    for (const consumer of CONSUMERS) tally.handle(consumer, order('a', 'never'));
    await tally.done(1);
    expect(resolved).to.equal(false);
    for (const consumer of CONSUMERS) tally.handle(consumer, order('b', 'never'));
    await two;
    await tally.done(2);
  });
});
