import { expect } from 'chai';
import fc from 'fast-check';
import { dailySales } from '../../platform/read-models/daily-sales.js';
import { orderSummary } from '../../platform/read-models/order-summary.js';
import { userStatistics } from '../../platform/read-models/user-statistics.js';
import { routes } from '../../platform/routes.js';
import analytics from '../../workers/analytics/index.js';
import views from '../../platform/read-models/views.js';
import { startApi, temporaryFile, type Answer, type Api } from '../api/support/start.js';
import { defineRoute } from '../../src/api/route.js';
import { checkpointOf } from '../../src/projections/tables/physical-names.js';
import { prepareProjections } from '../../src/projections/tables/prepare.js';
import { simulatedFleet, type SimulatedFleet } from '../platform/support/simulated-fleet.js';
import { seed, seededRandom } from '../support/seed.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

const modelHeaders = ({ headers }: Answer) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('model-')));

describe('reads of projections', () => {
  describe('while their workers run', () => {
    let fleet: SimulatedFleet;
    let api: Api;
    beforeEach(async () => {
      fleet = await simulatedFleet([views, analytics], { use: {}, random: seededRandom('reads') });
      api = await startApi(fleet.path('core'), { routes: routes({ fulfilment: 'orchestrated' }) });
    });
    afterEach(async () => {
      await api.close();
      await fleet.stop();
    });
    const post = (path: string, body: object) => api.send('POST', path, { body });

    it('agree with the account once all events are projected, and report a lag of 0', async () => {
      const { body: opened } = await post('/accounts', { owner: 'Ada', currency: 'EUR', initialDeposit: 1000 });
      await post(`/accounts/${opened.id}/deposits`, { amount: 250 });
      await post(`/accounts/${opened.id}/deposits`, { amount: 50 });
      await post(`/accounts/${opened.id}/withdrawals`, { amount: 300 });
      while (await fleet.step());
      const summary = await api.send('GET', `/accounts/${opened.id}/summary`);
      expect(summary.body).to.deep.equal({
        ...(await api.send('GET', `/accounts/${opened.id}`)).body,
        transactions: 4,
      });
      expect(summary.body).to.include({ balance: 1000, version: 4 });
      expect(modelHeaders(summary)).to.deep.equal({ 'model-position': '4', 'model-lag': '0' });
      const unknown = await api.send('GET', '/accounts/nobody/summary');
      expect([unknown.status, unknown.body.code]).to.deep.equal([404, 'account.not_found']);
    });

    it(`agree with every account after any requests (TEST_SEED=${seed})`, async () => {
      const amount = fc.constantFrom(-1, 0, 1, 40, 500, 0.5);
      const move = fc.record({
        at: fc.nat(2),
        path: fc.constantFrom('deposits', 'withdrawals'),
        amount,
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.option(fc.constantFrom(1, 300), { nil: undefined }), { minLength: 3, maxLength: 3 }),
          fc.array(move, { maxLength: 12 }),
          async (deposits, moves) => {
            const ids: string[] = [];
            const expected: number[] = deposits.map((deposit) => (deposit === undefined ? 0 : 1));
            for (const initialDeposit of deposits) {
              ids.push((await post('/accounts', { owner: 'Ada', currency: 'EUR', initialDeposit })).body.id as string);
            }
            for (const { at, path, amount: tried } of moves) {
              const { status } = await post(`/accounts/${ids[at]}/${path}`, { amount: tried });
              if (status < 300) expected[at] = (expected[at] ?? 0) + 1;
            }
            while (await fleet.step());
            for (const [at, id] of ids.entries()) {
              const { body } = await api.send('GET', `/accounts/${id}`);
              const summary = await api.send('GET', `/accounts/${id}/summary`);
              expect(summary.body).to.deep.equal({ ...body, transactions: expected[at] });
              expect(summary.headers.get('model-lag')).to.equal('0');
            }
          },
        ),
        { numRuns: 10, seed },
      );
    });

    it('reject invalid days, a range whose end precedes its start, and cursors of other lists', async () => {
      for (const query of [
        'since=2030-01-02&until=2030-01-01',
        'since=yesterday',
        'since=2030-02-31',
        'currency=dollars',
        'cursor=nonsense',
        'limit=0',
      ]) {
        const { status, body } = await api.send('GET', `/statistics/daily?${query}`);
        expect([status, body.code], query).to.deep.equal([400, 'request.invalid']);
      }
      expect((await api.send('GET', '/statistics/daily')).body).to.deep.equal({ items: [], nextCursor: null });
    });
  });

  it('report the oldest position and the greatest lag of several projections, and whether one is stopped', async () => {
    const file = await temporaryFile();
    const reads = [userStatistics, dailySales, orderSummary];
    const handler = async () => ({ status: 200 });
    const api = await startApi(file.path, {
      routes: [
        ...routes({ fulfilment: 'orchestrated' }),
        defineRoute({ method: 'get', path: '/all', reads, handler }),
        defineRoute({ method: 'post', path: '/all', reads, handler }),
      ],
    });
    try {
      for (const definition of [views, analytics].map(workerDefinitionOf))
        await prepareProjections(api.store, definition.projections);
      for (const name of ['Ada', 'Bob', 'Eve'])
        await api.send('POST', '/users', { body: { name, email: 'someone@example.org' } });
      await api.store.transaction(async (tx) => {
        await tx.moveCheckpoint(checkpointOf(userStatistics.name, 1), 0, 3);
        await tx.moveCheckpoint(checkpointOf(dailySales.name, 1), 0, 1);
        await tx.moveCheckpoint(checkpointOf(orderSummary.name, 1), 0, 2);
      });
      expect(modelHeaders(await api.send('GET', '/all'))).to.deep.equal({ 'model-position': '1', 'model-lag': '2' });
      await api.store.transaction(async ({ sql }) => {
        await sql`update flotilla_projections set status = 'stopped', stop_position = 3 where name = 'order-summary'`;
      });
      expect(modelHeaders(await api.send('GET', '/all'))).to.deep.equal({
        'model-position': '1',
        'model-lag': '2',
        'model-stopped': 'true',
      });
      expect(modelHeaders(await api.send('POST', '/all'))).to.deep.equal({});
    } finally {
      await api.close();
      await file.remove();
    }
  });

  it('report the lag while no process runs the projection, and that it is stopped', async () => {
    const file = await temporaryFile();
    const api = await startApi(file.path, { routes: routes({ fulfilment: 'orchestrated' }) });
    try {
      for (const definition of [views, analytics].map(workerDefinitionOf))
        await prepareProjections(api.store, definition.projections);
      await api.send('POST', '/users', { body: { name: 'Ada', email: 'ada@example.org' } });
      const { body: opened } = await api.send('POST', '/accounts', { body: { owner: 'Ada', currency: 'EUR' } });
      for (const path of ['/orders', '/statistics', '/statistics/daily']) {
        const answer = await api.send('GET', path);
        expect(answer.status, path).to.equal(200);
        expect(modelHeaders(answer), path).to.deep.equal({ 'model-position': '0', 'model-lag': '2' });
      }
      const unseen = await api.send('GET', `/accounts/${opened.id}/summary`);
      expect([unseen.status, unseen.body.code]).to.deep.equal([404, 'account.not_found']);
      expect(modelHeaders(unseen)).to.deep.equal({ 'model-position': '0', 'model-lag': '2' });
      await api.store.transaction(async ({ sql }) => {
        await sql`update flotilla_projections set status = 'stopped', stop_position = 1 where name = 'user-statistics'`;
      });
      expect(modelHeaders(await api.send('GET', '/statistics'))).to.deep.equal({
        'model-position': '0',
        'model-lag': '2',
        'model-stopped': 'true',
      });
    } finally {
      await api.close();
      await file.remove();
    }
  });
});
