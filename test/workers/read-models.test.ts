import { expect } from 'chai';
import fc from 'fast-check';
import type { Store } from 'flotilla';
import { harness, type TestEvent } from 'flotilla/testing';
import type { StockLevel } from '../../src/platform/inventory/events.js';
import analytics from '../../workers/analytics/index.js';
import views from '../../workers/views/index.js';
import { about, details, orderId } from '../platform/events.js';

const created = about('order.created', { orderId, ...details });
const status = (value: 'paid' | 'shipped') =>
  about('order.status_changed', { orderId, userId: 'u1', status: value, previous: 'pending' });

/** What the store holds after these events, in this order. */
async function after<T>(
  worker: typeof views,
  events: readonly TestEvent[],
  look: (store: Store) => Promise<T>,
): Promise<T> {
  let seen: T | undefined;
  const last = events.at(-1);
  if (last === undefined) throw new Error('no events');
  await harness(worker)
    .given(...events.slice(0, -1))
    .when(last)
    .result(async (store) => {
      seen = await look(store);
    });
  if (seen === undefined) throw new Error('nothing seen');
  return seen;
}

describe('worker views', () => {
  const level = (version: number): StockLevel => ({ sku: 'item_1', onHand: 100 - version, reserved: 0, version });

  it('shows the newest level of a SKU, whatever comes last', async () => {
    const adjusted = (version: number): TestEvent => ({
      type: 'inventory.adjusted',
      data: { reason: 'counted', changes: [{ sku: 'item_1', quantity: 1 }], levels: [level(version)] },
    });
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4], { minLength: 4 }), async (versions) => {
        const rows = await after(views, versions.map(adjusted), (store) => store.query`select * from inventory_view`);
        expect(rows).to.deep.equal([{ sku: 'item_1', on_hand: 96, reserved: 0, version: 4 }]);
      }),
      { numRuns: 8 },
    );
  });

  it('hears of stock from each event that changes it', async () => {
    const rows = await after(
      views,
      [
        about('inventory.reserved', { orderId, order: details, levels: [level(2)] }),
        about('inventory.released', { orderId, levels: [level(3)] }),
      ],
      (store) => store.query<{ version: number }>`select version from inventory_view`,
    );
    expect(rows).to.deep.equal([{ version: 3 }]);
  });
});

describe('worker analytics', () => {
  const user = (n: number): TestEvent => ({
    type: 'user.created',
    data: { userId: `u${n}`, name: 'Ada', email: 'ada@example.org' },
  });
  const look = async (store: Store) => ({
    counts: await store.query`select name, value from statistics order by name`,
    revenue: await store.query`select currency, amount from statistics_revenue`,
  });

  it('counts users, orders and what was shipped, whatever comes first', async () => {
    for (const events of [
      [created, status('paid'), status('shipped')],
      [status('shipped'), status('paid'), created],
    ]) {
      expect(await after(analytics, [user(1), user(2), ...events], look)).to.deep.equal({
        counts: [
          { name: 'completed', value: 1 },
          { name: 'orders', value: 1 },
          { name: 'users', value: 2 },
        ],
        revenue: [{ currency: 'USD', amount: 1250 }],
      });
    }
  });

  it('counts an event once, however often it is delivered', async () => {
    const again = { ...user(1), id: 'event-1' };
    await harness(analytics)
      .given(again)
      .when(again)
      .result(async (store) => {
        expect((await look(store)).counts).to.deep.equal([{ name: 'users', value: 1 }]);
      });
  });
});
