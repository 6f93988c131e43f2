import { expect } from 'chai';
import type { SagaProgress } from 'flotilla';
import type { Fulfilment } from '../../../../platform/orders/fulfilment/fulfilment.js';
import { routes } from '../../../../platform/routes.js';
import orderSaga from '../../../../workers/order-saga/index.js';
import views from '../../../../platform/read-models/views.js';
import { startApi, type Api } from '../../../api/support/start.js';
import { append, details } from '../../support/events.js';
import { simulatedFleet, type SimulatedFleet } from '../../support/simulated-fleet.js';
import { seededRandom } from '../../../support/seed.js';

const INPUT = /tok_ok|1 Row|Ada/;

describe('platform: the saga of an order', () => {
  let fleet: SimulatedFleet;
  let api: Api;
  beforeEach(async () => {
    fleet = await simulatedFleet([views, orderSaga], { use: {}, random: seededRandom('saga route') });
    api = await startApi(fleet.path('core'), { routes: routes({ fulfilment: 'orchestrated' }) });
  });
  afterEach(async () => {
    await api.close();
    await fleet.stop();
  });

  const get = (id: string) => api.send('GET', `/orders/${id}/saga`);
  const settle = async () => {
    while (await fleet.step());
  };
  const place = (orderId: string, fulfilment?: Fulfilment) =>
    append(api.store, {
      type: 'order.created',
      data: { orderId, ...details, ...(fulfilment !== undefined && { fulfilment }) },
      subject: `order/${orderId}`,
    });
  /** Stores an event as the inventory service would publish it from its own store. */
  const reserve = async (orderId: string) => {
    const command = (await fleet.store('order-saga').read(`order/${orderId}`)).find(
      ({ type }) => type === 'inventory.reserve',
    );
    await append(api.store, {
      type: 'inventory.reserved',
      data: { orderId, order: { ...details, fulfilment: 'orchestrated' }, levels: [] },
      subject: `order/${orderId}`,
      ...(command && { causationId: command.id }),
    });
  };

  it('returns the known steps in order, including time-outs', async () => {
    await place('o1', 'orchestrated');
    const fresh = await get('o1');
    expect(fresh.status).to.equal(200);
    const unknown = { saga: 'order-fulfilment', sagaId: 'o1', status: 'not_started', waiting: null, complete: false };
    expect(fresh.body).to.deep.include({ ...unknown, entries: [] });

    await settle();
    const begun: SagaProgress = (await get('o1')).body;
    expect(begun).to.include({ status: 'started', complete: true });
    expect(begun.steps.map(({ name, state }) => `${name} ${state}`)).to.deep.equal([
      'reserve requested',
      'pay not_started',
      'ship not_started',
    ]);
    expect(begun.waiting).to.include({ step: 'reserve', for: 'answer', overdue: false });

    await reserve('o1');
    await settle();
    await fleet.store('order-saga').fireTimers(Date.now() + 3_600_000);
    await settle();
    const { text, body }: { text: string; body: SagaProgress } = await get('o1');
    expect(body.steps.map(({ state }) => state)).to.deep.equal(['done', 'timed_out', 'not_started']);
    expect(body.waiting).to.include({ step: 'pay', for: 'retry' });
    expect(body.entries.map(({ kind }) => kind)).to.deep.equal([
      'started',
      'step_started',
      'step_completed',
      'step_started',
      'timer_due',
      'step_failed',
    ]);
    expect(text).not.to.match(INPUT);
    const rows = await api.store.query`select * from saga_entries`;
    expect(rows).to.have.length(6);
    expect(JSON.stringify(rows)).not.to.match(INPUT);
  });

  it('responds with 404 for an order without a saga and for an unknown order', async () => {
    await place('o2', 'choreographed');
    await place('o3');
    await settle();
    for (const id of ['o2', 'o3']) {
      const { status, body } = await get(id);
      expect([status, body.code], id).to.deep.equal([404, 'order.no_saga']);
    }
    const { status, body } = await get('o4');
    expect([status, body.code]).to.deep.equal([404, 'order.not_found']);
  });

  it('documents its schema', async () => {
    const { paths, components } = (await api.send('GET', '/openapi.json')).body;
    const { $ref } = paths['/orders/{id}/saga'].get.responses['200'].content['application/json'].schema;
    expect($ref).to.equal('#/components/schemas/OrderSaga');
    const schema = components.schemas.OrderSaga;
    expect(schema.properties.status.enum).to.include.members(['not_started', 'compensating', 'failed']);
    expect(schema.properties.steps.items.properties.state.enum).to.include.members([
      'timed_out',
      'compensation_failed',
    ]);
  });
});
