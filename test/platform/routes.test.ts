import { expect } from 'chai';
import { create } from '../../platform/catalogue.js';
import { routes } from '../../platform/routes.js';
import analytics from '../../workers/analytics/index.js';
import sensorAlerts from '../../workers/sensor-alerts/index.js';
import sensorAnalytics from '../../workers/sensor-analytics/index.js';
import statements from '../../workers/statements/index.js';
import orders from '../../workers/orders/index.js';
import views from '../../platform/read-models/views.js';
import { prepareTables } from '../../src/runtime/stores/tables-read.js';
import { startApi, temporaryFile, type Answer, type Api } from '../api/support/start.js';
import { details } from './support/events.js';
import { simulatedFleet } from './support/simulated-fleet.js';
import { seededRandom } from '../support/seed.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

const { total: _total, userId: _userId, ...newOrder } = details;

describe('platform: the API', () => {
  let file: Awaited<ReturnType<typeof temporaryFile>>;
  let api: Api;
  before(async () => {
    file = await temporaryFile();
    api = await startApi(file.path, { routes: routes({ fulfilment: 'orchestrated' }) });
    const workers = [orders, views, analytics, statements, sensorAlerts, sensorAnalytics].map(workerDefinitionOf);
    await prepareTables(api.store, { workers, projections: workers.flatMap(({ projections }) => projections) });
  });
  after(async () => {
    await api.close();
    await file.remove();
  });

  const post = (path: string, body?: unknown, headers?: Record<string, string>) =>
    api.send('POST', path, { body, headers });
  const createUser = async () => (await post('/users', { name: 'Ada', email: 'ada@example.org' })).body.id as string;
  const placeOrder = async (more: object = {}) => post('/orders', { ...newOrder, userId: await createUser(), ...more });
  const problem = ({ status, body }: Answer) => [status, body.code];

  it('creates a user and returns it', async () => {
    const created = await post('/users', { name: 'Ada', email: 'ada@example.org' });
    expect(created.status).to.equal(201);
    expect(created.headers.get('location')).to.equal(`/users/${created.body.id}`);
    expect(created.body).to.have.all.keys('id', 'name', 'email', 'preferences', 'createdAt');
    expect(created.body.preferences).to.deep.equal({ statusEmails: true });
    expect((await api.send('GET', `/users/${created.body.id}`)).body).to.deep.equal(created.body);
    expect(problem(await api.send('GET', '/users/nobody'))).to.deep.equal([404, 'user.not_found']);
  });

  it('creates a user with preferences', async () => {
    const preferences = { statusEmails: false };
    const created = await post('/users', { name: 'Ada', email: 'ada@example.org', preferences });
    expect((await api.send('GET', `/users/${created.body.id}`)).body.preferences).to.deep.equal(preferences);
  });

  for (const [what, body] of Object.entries({
    'a name on two lines': { name: 'Ada\r\nBcc: all@example.org', email: 'ada@example.org' },
    'a blank name': { name: '  ', email: 'ada@example.org' },
    'two addresses': { name: 'Ada', email: 'ada@example.org, eve@example.org' },
    'an unknown preference': { name: 'Ada', email: 'ada@example.org', preferences: { statusEmails: true, sms: true } },
    'an unknown field': { name: 'Ada', email: 'ada@example.org', admin: true },
    'a list as body': [],
  })) {
    it(`rejects a user with ${what}`, async () => {
      expect(problem(await post('/users', body))).to.deep.equal([400, 'request.invalid']);
    });
  }

  it('places an order as pending, without returning the token or the address', async () => {
    const placed = await placeOrder();
    expect(placed.status).to.equal(201);
    const { id, userId, createdAt } = placed.body;
    expect(placed.headers.get('location')).to.equal(`/orders/${id}`);
    expect(placed.body).to.deep.equal({
      id,
      userId,
      status: 'pending',
      total: 1250,
      currency: 'USD',
      items: details.items,
      version: 1,
      createdAt,
      updatedAt: createdAt,
    });
    const read = await api.send('GET', `/orders/${id}`);
    expect(read.body).to.deep.equal(placed.body);
    const history = await api.send('GET', `/orders/${id}/events`);
    expect(history.body.items).to.have.length(1);
    expect(history.body.items[0]).to.include({ type: 'order.created', version: 1 });
    for (const secret of ['tok_ok', 'Row', '12345'])
      expect(placed.text + read.text + history.text).not.to.contain(secret);
  });

  const line = { sku: 'item_1', quantity: 1, unitPrice: 1 };
  for (const [what, more] of Object.entries({
    'no items': { items: [] },
    'more than 100 items': { items: Array.from({ length: 101 }, () => line) },
    'a quantity of 0': { items: [{ ...line, quantity: 0 }] },
    'a negative quantity': { items: [{ ...line, quantity: -1 }] },
    'a fractional quantity': { items: [{ ...line, quantity: 1.5 }] },
    'a huge quantity': { items: [{ ...line, quantity: 1e300 }] },
    'a quantity as text': { items: [{ ...line, quantity: '1' }] },
    'a negative price': { items: [{ ...line, unitPrice: -1 }] },
    'an invalid currency': { currency: 'dollars' },
    'a total': { total: 1 },
    'a fulfilment mode': { fulfilment: 'choreographed' },
    'no payment': { payment: undefined },
  })) {
    it(`rejects an order with ${what}`, async () => {
      expect(problem(await placeOrder(more))).to.deep.equal([400, 'request.invalid']);
    });
  }

  it('stores in each order the fulfilment mode set when it was placed', async () => {
    const other = await startApi(file.path, { routes: routes({ fulfilment: 'choreographed' }) });
    try {
      const body = { ...newOrder, userId: await createUser() };
      const { id } = (await post('/orders', body)).body;
      const { id: otherId } = (await other.send('POST', '/orders', { body })).body;
      for (const [orderId, fulfilment] of [
        [id, 'orchestrated'],
        [otherId, 'choreographed'],
      ]) {
        const [placed] = await api.store.read(`order/${orderId}`);
        expect(placed?.event.data).to.have.property('fulfilment', fulfilment);
        expect((await api.send('GET', `/orders/${orderId}`)).body).not.to.have.property('fulfilment');
      }
    } finally {
      await other.close();
    }
  });

  it('rejects an order of an unknown user, and one whose total is too large', async () => {
    expect(problem(await placeOrder({ userId: 'nobody' }))).to.deep.equal([422, 'order.unknown_user']);
    const items = Array.from({ length: 100 }, () => ({ ...line, quantity: 10_000, unitPrice: 1_000_000_000 }));
    expect(problem(await placeOrder({ items }))).to.deep.equal([422, 'order.total_too_large']);
    expect(problem(await api.send('GET', '/orders/nothing'))).to.deep.equal([404, 'order.not_found']);
    expect(problem(await api.send('GET', '/orders/nothing/events'))).to.deep.equal([404, 'order.not_found']);
  });

  it('places one order for one Idempotency-Key, also concurrently', async () => {
    const body = { ...newOrder, userId: await createUser() };
    const headers = { 'idempotency-key': 'once' };
    const answers = await Promise.all([1, 2, 3].map(() => post('/orders', body, headers)));
    answers.push(await post('/orders', body, headers));
    const placed = answers.filter(({ status }) => status === 201);
    expect(new Set(placed.map(({ body: { id } }) => String(id)))).to.have.property('size', 1);
    expect(problem(await post('/orders', { ...body, currency: 'EUR' }, headers))).to.deep.equal([
      422,
      'idempotency.key_reused',
    ]);
  });

  it('cancels an order immediately, and once', async () => {
    const { id } = (await placeOrder()).body;
    const cancelled = await post(`/orders/${id}/cancel`, { reason: 'changed my mind' });
    expect([cancelled.status, cancelled.body.status, cancelled.body.reason]).to.deep.equal([
      200,
      'cancelled',
      'changed my mind',
    ]);
    expect((await api.send('GET', `/orders/${id}`)).body).to.deep.equal(cancelled.body);
    expect((await post(`/orders/${id}/cancel`)).body.version).to.equal(cancelled.body.version);
    expect(problem(await post('/orders/nothing/cancel'))).to.deep.equal([404, 'order.not_found']);
  });

  it('does not cancel a shipped order', async () => {
    const { id, userId } = (await placeOrder()).body;
    const shipped = { orderId: id, userId, status: 'shipped', previous: 'paid', trackingNumber: 'T1' } as const;
    const context = { id: `shipped-${id}`, source: 'core', subject: `order/${id}`, time: new Date().toISOString() };
    const event = create('order.status_changed', shipped, { ...context, correlationId: 'c1' });
    await api.store.append(`order/${id}`, 1, [event]);
    expect(problem(await post(`/orders/${id}/cancel`))).to.deep.equal([409, 'order.not_cancellable']);
    expect((await api.send('GET', `/orders/${id}`)).body).to.include({
      status: 'shipped',
      trackingNumber: 'T1',
      version: 2,
    });
  });

  it('returns the version of users and orders as ETag', async () => {
    const user = await post('/users', { name: 'Ada', email: 'ada@example.org' });
    const placed = await placeOrder();
    for (const [path, made] of [
      [`/users/${user.body.id}`, user],
      [`/orders/${placed.body.id}`, placed],
    ] as const) {
      const read = await api.send('GET', path);
      expect([made.headers.get('etag'), read.headers.get('etag')]).to.deep.equal(['"1"', '"1"']);
      expect((await api.send('GET', path, { headers: { 'if-none-match': '"1"' } })).status).to.equal(304);
      expect((await api.send('GET', path, { headers: { 'if-none-match': '"2"' } })).status).to.equal(200);
    }
    const cancelled = await post(`/orders/${placed.body.id}/cancel`);
    expect(cancelled.headers.get('etag')).to.equal(`"${cancelled.body.version}"`);
  });

  it('cancels an order only in the version that the client has seen', async () => {
    const { id } = (await placeOrder()).body;
    const cancel = (ifMatch: string) => post(`/orders/${id}/cancel`, {}, { 'if-match': ifMatch });
    const conflict = await cancel('"7"');
    expect([...problem(conflict), conflict.body.currentVersion, conflict.headers.get('etag')]).to.deep.equal([
      412,
      'request.precondition_failed',
      1,
      '"1"',
    ]);
    expect(problem(await cancel('one'))).to.deep.equal([400, 'request.malformed_if_match']);
    expect((await cancel('"1"')).body).to.include({ status: 'cancelled', version: 3 });
    expect(problem(await cancel('"1"'))).to.deep.equal([412, 'request.precondition_failed']);
    expect((await cancel('*')).body.version).to.equal(3);
    expect(problem(await post('/orders/nothing/cancel', {}, { 'if-match': '"1"' }))).to.deep.equal([
      404,
      'order.not_found',
    ]);
  });

  it('lists the history of an order in pages', async () => {
    const { id } = (await placeOrder()).body;
    await post(`/orders/${id}/cancel`);
    const first = await api.send('GET', `/orders/${id}/events?limit=2`);
    const rest = await api.send('GET', `/orders/${id}/events?limit=2&cursor=${first.body.nextCursor}`);
    const types = [...first.body.items, ...rest.body.items].map(({ type }: { type: string }) => type);
    expect(types).to.deep.equal(['order.created', 'order.cancelled', 'order.status_changed']);
    expect(rest.body.nextCursor).to.equal(null);
    expect(problem(await api.send('GET', `/orders/${id}/events?cursor=${id}`))).to.deep.equal([400, 'request.invalid']);
  });

  it('requests a change of stock by a command', async () => {
    const answer = await post('/inventory/item_1/adjustments', { quantity: -3, reason: 'broken' });
    expect(answer.status).to.equal(202);
    const [command] = await api.store.read('stock/item_1');
    expect(command?.event).to.include({ id: answer.body.id, type: 'inventory.adjust' });
    expect(command?.event.data).to.deep.equal({ sku: 'item_1', quantity: -3, reason: 'broken' });
    for (const body of [{ quantity: 0, reason: 'x' }, { quantity: 0.5, reason: 'x' }, { quantity: 1 }]) {
      expect(problem(await post('/inventory/item_1/adjustments', body))).to.deep.equal([400, 'request.invalid']);
    }
  });

  it('returns empty lists and zeros without data', async () => {
    expect((await api.send('GET', '/inventory')).body).to.deep.equal({ items: [] });
    expect((await api.send('GET', '/orders')).body).to.deep.equal({ items: [], nextCursor: null });
    const nothing = { users: 0, orders: 0, completed: 0, revenue: {} };
    expect((await api.send('GET', '/statistics')).body).to.deep.equal(nothing);
  });

  for (const query of ['limit=0', 'limit=101', 'limit=x', 'status=lost']) {
    it(`rejects a list with ${query}`, async () => {
      expect(problem(await api.send('GET', `/orders?${query}`))).to.deep.equal([400, 'request.invalid']);
    });
  }
});

describe('platform: lists of the API', () => {
  it('return the projected rows in pages, newest first', async () => {
    const fleet = await simulatedFleet([views, analytics], { use: {}, random: seededRandom('routes') });
    const api = await startApi(fleet.path('core'), { routes: routes({ fulfilment: 'orchestrated' }) });
    try {
      const { id: userId } = (await api.send('POST', '/users', { body: { name: 'Ada', email: 'ada@example.org' } }))
        .body;
      const placed: string[] = [];
      while (placed.length < 5) {
        placed.unshift((await api.send('POST', '/orders', { body: { ...newOrder, userId } })).body.id as string);
      }
      const [newest, second] = placed;
      await api.send('POST', `/orders/${second}/cancel`);
      while (await fleet.step());

      const list = async (query: string) => (await api.send('GET', `/orders?${query}`)).body;
      const first = await list('limit=3');
      const rest = await list(`limit=3&cursor=${first.nextCursor}`);
      const ids = [...first.items, ...rest.items].map(({ id }) => id as string);
      expect(ids).to.deep.equal(placed);
      expect(rest.nextCursor).to.equal(null);
      expect(first.items[0]).to.deep.equal((await api.send('GET', `/orders/${newest}`)).body);
      const cancelled = await list('status=cancelled');
      expect(cancelled.items.map((item: { id: string; version: number }) => [item.id, item.version])).to.deep.equal([
        [second, 3],
      ]);
      const statistics = { users: 1, orders: 5, completed: 0, revenue: {} };
      expect((await api.send('GET', '/statistics')).body).to.deep.equal(statistics);
    } finally {
      await api.close();
      await fleet.stop();
    }
  });
});
