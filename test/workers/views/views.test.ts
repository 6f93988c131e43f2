import { expect } from 'chai';
import fc from 'fast-check';
import { originContext, type Sql, type Store } from 'flotilla';
import { harness, type TestEvent } from 'flotilla/testing';
import type { StockLevel } from '../../../platform/inventory/events.js';
import analytics from '../../../workers/analytics/index.js';
import views from '../../../platform/read-models/views.js';
import { create, type EventType } from '../../../platform/catalogue.js';
import { dailySales } from '../../../platform/read-models/daily-sales.js';
import { LiveModel } from '../../../src/projections/live-model.js';
import { template } from '../../../src/projections/tables/physical-names.js';
import { prepareProjections } from '../../../src/projections/tables/prepare.js';
import { createTempStore } from '../../store/support/temp-store.js';
import { listOrders } from '../../../platform/orders/api/list-orders.js';
import { presentOrder } from '../../../platform/orders/api/order-body.js';
import { dailyQuery, listDailySales } from '../../../platform/statistics/list-daily-sales.js';
import { about, ada, details, orderId } from '../../platform/support/events.js';
import { projectionDefinitionOf } from '../../../src/projections/definition.js';

const created = about('order.created', { orderId, ...details });
const status = (value: 'paid' | 'shipped') =>
  about('order.status_changed', { orderId, userId: 'u1', status: value, previous: 'pending' });

/** The rows of the store after these events, in this order. */
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
  return seen as T;
}

describe('worker views', () => {
  const level = (version: number): StockLevel => ({ sku: 'item_1', onHand: 100 - version, reserved: 0, version });

  it('shows the newest level of a SKU, with events in any order', async () => {
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

  it('updates stock from each event that changes it', async () => {
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

describe('read model order-summary', () => {
  it('agrees at any time with the events of the order @slow', async () => {
    const history = fc.array(fc.constantFrom('reserved', 'paid', 'stuck', 'shipped', 'cancelled'), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(history, async (statuses) => {
        const changes = statuses.map((each, n) =>
          about('order.status_changed', {
            orderId,
            userId: 'u1',
            status: each,
            previous: 'pending',
            ...(n % 2 === 0 && { reason: `because ${n}`, trackingNumber: `T${n}`, estimatedDelivery: '2030-01-01' }),
          }),
        );
        const cancelled = statuses.length > 4 ? [about('order.cancelled', { orderId, userId: 'u1' })] : [];
        const { listed, order } = await after(views, [created, ...changes, ...cancelled], async (store) => ({
          listed: await listOrders(store.query, { limit: 10, cursor: 'z' }),
          order: (await presentOrder(200, store, orderId)).body,
        }));
        expect(present(listed.items)).to.deep.equal(present([order]));
      }),
      { numRuns: 15 },
    );
  });

  it('is read by an index for every query', async () => {
    const plans = await after(views, [created], async (store) => [
      await plansOf(store, (query) => listOrders(query, { limit: 1 })),
      await plansOf(store, (query) => listOrders(query, { limit: 1, cursor: 'o1', status: 'paid' })),
    ]);
    expect(plans).to.deep.equal([
      ['SEARCH order_summary__1 USING INDEX sqlite_autoindex_order_summary__1_1 (order_id<?)'],
      ['SEARCH order_summary__1 USING INDEX order_summary_by_status__1 (status=? AND order_id<?)'],
    ]);
  });
});

describe('read model account-summary', () => {
  const account = (type: EventType, data: object): TestEvent => ({
    type,
    data: { accountId: 'a1', ...data },
    subject: 'account/a1',
  });

  it('shows the balance and the number of transactions of an account', async () => {
    const rows = await after(
      views,
      [
        account('account.opened', { owner: 'Ada', currency: 'EUR', initialDeposit: 100, balanceAfter: 100 }),
        account('account.deposited', { amount: 50, balanceAfter: 150 }),
        account('account.withdrawn', { amount: 70, balanceAfter: 80 }),
        { ...account('account.opened', { owner: 'Eve', currency: 'USD', balanceAfter: 0 }), subject: 'account/a2' },
      ].map((event, n) => (n === 3 ? { ...event, data: { ...Object(event.data), accountId: 'a2' } } : event)),
      (store) => store.query`
        select account_id, owner, currency, balance, transactions, version from account_summary order by account_id`,
    );
    expect(rows).to.deep.equal([
      { account_id: 'a1', owner: 'Ada', currency: 'EUR', balance: 80, transactions: 3, version: 3 },
      { account_id: 'a2', owner: 'Eve', currency: 'USD', balance: 0, transactions: 0, version: 1 },
    ]);
  });
});

describe('worker analytics', () => {
  const user = (n: number): TestEvent => ({
    type: 'user.created',
    data: { ...ada, userId: `u${n}` },
  });
  const look = async (store: Store) => ({
    counts: await store.query`select name, amount from user_statistics order by name`,
    revenue: await store.query`select currency, amount from user_statistics_revenue`,
    daily: await listDailySales(store.query, dailyQuery.parse({})),
  });

  it('counts users, orders and shipped orders, per day', async () => {
    const seen = await after(analytics, [user(1), user(2), created, status('paid'), status('shipped')], look);
    const [{ day = '' } = {}] = seen.daily.items;
    expect(Math.abs(Date.parse(day) - Date.now())).to.be.lessThan(2 * 86_400_000);
    expect(seen).to.deep.equal({
      counts: [
        { name: 'completed', amount: 1 },
        { name: 'orders', amount: 1 },
        { name: 'users', amount: 2 },
      ],
      revenue: [{ currency: 'USD', amount: 1250 }],
      daily: { items: [{ day, currency: 'USD', orders: 1, revenue: 1250 }], nextCursor: null },
    });
  });

  it('counts an order as shipped once', async () => {
    const { counts, revenue } = await after(analytics, [created, status('shipped'), status('shipped')], look);
    expect(counts).to.deep.include({ name: 'completed', amount: 1 });
    expect(revenue).to.deep.equal([{ currency: 'USD', amount: 1250 }]);
  });

  it('counts an order on the day (UTC) on which it was shipped, to the millisecond', async () => {
    const temp = await createTempStore();
    try {
      const store = await temp.open();
      await prepareProjections(store, [projectionDefinitionOf(dailySales)]);
      const shippedAt = ['2029-12-31T23:59:59.999Z', '2030-01-01T00:00:00.000Z', '2030-01-01T00:30:00.000+01:00'];
      for (const [n, time] of shippedAt.entries()) {
        const id = `o${n}`;
        const context = originContext({ source: store.service, subject: `order/${id}` });
        const shipped = { orderId: id, userId: 'u1', status: 'shipped', previous: 'paid' } as const;
        await store.append(`order/${id}`, 'any', [
          { ...create('order.created', { orderId: id, ...details }, context), time: '2029-12-30T12:00:00.000Z' },
          { ...create('order.status_changed', shipped, { ...context, id: `${context.id}-2` }), time },
        ]);
      }
      await new LiveModel(store, projectionDefinitionOf(dailySales), Date.now).advance();
      const { items } = await listDailySales(store.query, dailyQuery.parse({}));
      expect(items.map(({ day, orders, revenue }) => [day, orders, revenue])).to.deep.equal([
        ['2029-12-31', 2, 2500],
        ['2030-01-01', 1, 1250],
      ]);
    } finally {
      await temp.dispose();
    }
  });

  it('lists the days by an index, without sorting', async () => {
    const plans = await after(analytics, [user(1)], async (store) => [
      await plansOf(store, (query) => listDailySales(query, dailyQuery.parse({ since: '2030-01-01' }))),
      await plansOf(store, (query) => listDailySales(query, dailyQuery.parse({ currency: 'USD' }))),
    ]);
    expect(plans).to.deep.equal([
      ['SEARCH daily_sales__1 USING INDEX sqlite_autoindex_daily_sales__1_1 (day>? AND day<?)'],
      ['SEARCH daily_sales__1 USING INDEX daily_sales_by_currency__1 (currency=? AND day>? AND day<?)'],
    ]);
  });

  it('lists the days in pages, by range and currency', async () => {
    const sales = ['2030-01-01 EUR', '2030-01-01 USD', '2030-01-02 USD', '2030-01-03 EUR'];
    await after(analytics, [user(1)], async (store) => {
      for (const sale of sales) {
        const [day = '', currency = ''] = sale.split(' ');
        await store.transaction(async ({ sql }) => {
          await sql`insert into daily_sales__1 (day, currency, orders, revenue) values (${day}, ${currency}, 1, 5)`;
        });
      }
      const ask = async (query: Record<string, string>) => {
        const days: string[] = [];
        for (let cursor: string | null = ''; cursor !== null;) {
          const parsed = dailyQuery.parse({ ...query, ...(cursor !== '' && { cursor }) });
          const page: Awaited<ReturnType<typeof listDailySales>> = await listDailySales(store.query, parsed);
          days.push(...page.items.map(({ day, currency }) => `${day} ${currency}`));
          cursor = page.nextCursor;
        }
        return days;
      };
      expect(await ask({ limit: '1' })).to.deep.equal(sales);
      expect(await ask({ currency: 'USD', limit: '1' })).to.deep.equal(sales.slice(1, 3));
      expect(await ask({ since: '2030-01-02', until: '2030-01-03' })).to.deep.equal(sales.slice(2, 3));
      expect(await ask({ since: '2030-01-02', until: '2030-01-02' })).to.deep.equal([]);
      for (const wrong of [{ since: '2030-01-02', until: '2030-01-01' }, { since: '2030-02-31' }, { cursor: 'x' }]) {
        expect(dailyQuery.safeParse(wrong).success, JSON.stringify(wrong)).to.equal(false);
      }
    });
  });
});

/** The query plans of all reads of a store. */
async function plansOf(store: Store, ask: (query: Sql) => Promise<unknown>): Promise<string[]> {
  const plans: string[] = [];
  await ask(async ([first = '', ...rest], ...values) => {
    const explain = template([`explain query plan ${first}`, ...rest]);
    plans.push(...(await store.query<{ detail: string }>(explain, ...values)).map(({ detail }) => detail));
    return [];
  });
  return plans;
}

/** The value as sent over the wire, without undefined fields. */
const present = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
