import { expect } from 'chai';
import type { Sandbox } from '../../../../platform/sandbox/sandbox.js';
import { send, temporaryDirectory, type SandboxDirectory } from '../support/start.js';

describe('sandbox: the payment gateway', () => {
  let directory: SandboxDirectory;
  let sandbox: Sandbox;
  const charge = (token: string, over: object = {}) => ({
    orderId: 'o1',
    amount: 500,
    currency: 'USD',
    token,
    ...over,
  });
  const post = (body: unknown, key?: string) => send(`${sandbox.url}/gateway/charges`, 'POST', body, key);
  const refund = (body: unknown, key?: string) => send(`${sandbox.url}/gateway/refunds`, 'POST', body, key);
  const ledger = async (query = '') => (await send(`${sandbox.url}/gateway/ledger${query}`, 'GET')).body;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    sandbox = await directory.start();
  });
  afterEach(() => directory.remove());

  it('charges once for the same key, however often and concurrently it is sent', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(charge('tok_ok'), 'k1')));
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([201]));
    expect(new Set(answers.map(({ body }) => body.id)).size).to.equal(1);
    expect(answers[0]?.body).to.include({ amount: 500, currency: 'USD', status: 'succeeded' });
    const { items } = await ledger();
    expect(items).to.have.length(1);
    expect(items[0]).to.include({ kind: 'charge', orderId: 'o1', amount: 500, key: 'k1', id: answers[0]?.body.id });
  });

  it('cancels a charge by its key: returns the charge made under it, or makes none under it later', async () => {
    const cancel = (key: string) => send(`${sandbox.url}/gateway/charges`, 'DELETE', undefined, key);
    const taken = await post(charge('tok_ok'), 'k1');
    expect(await cancel('k1')).to.deep.include({ status: 200, body: taken.body });
    expect(await cancel('k2')).to.include({ status: 404 });
    expect(await cancel('k2')).to.include({ status: 404 });
    const late = await post(charge('tok_ok'), 'k2');
    expect([late.status, late.body.code]).to.deep.equal([402, 'cancelled']);
    await post(charge('tok_down'), 'k3');
    expect(await cancel('k3')).to.include({ status: 404 });
    expect((await post(charge('tok_down'), 'k3')).status).to.equal(402);
    expect((await ledger()).items).to.have.length(1);
  });

  it('rejects a known key with another body', async () => {
    await post(charge('tok_ok'), 'k1');
    const other = await post(charge('tok_ok', { amount: 501 }), 'k1');
    expect(other.status).to.equal(409);
    expect(other.body.code).to.equal('idempotency_key_reused');
    expect((await ledger()).items).to.have.length(1);
  });

  it('returns the documented result for each test token', async () => {
    const declined = await post(charge('tok_declined'), 'k1');
    expect([declined.status, declined.body.code, declined.type]).to.deep.equal([
      402,
      'card_declined',
      'application/problem+json; charset=utf-8',
    ]);
    const unknown = await post(charge('tok_nonsense'), 'k2');
    expect([unknown.status, unknown.body.code]).to.deep.equal([402, 'invalid_token']);
    for (let i = 0; i < 4; i++) expect((await post(charge('tok_down'), 'k3')).status).to.equal(503);
    expect((await ledger()).items).to.be.empty;
  });

  it('fails a flaky charge twice for each key, then accepts it', async () => {
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await post(charge('tok_flaky'), 'k1')).status);
    expect(statuses).to.deep.equal([503, 503, 201, 201]);
    expect((await post(charge('tok_flaky'), 'k2')).status).to.equal(503);
    expect((await ledger()).items).to.have.length(1);
  });

  it('never responds to tok_timeout and charges nothing, also when it closes meanwhile', async () => {
    const waiting = post(charge('tok_timeout'), 'k1').then(
      () => 'answered',
      () => 'cut',
    );
    expect((await ledger()).items).to.be.empty; // after a round trip, the charge is still waiting
    await sandbox.close();
    expect(await waiting).to.equal('cut');
    sandbox = await directory.start();
    expect((await ledger()).items).to.be.empty;
  });

  it('refunds at most the charged amount', async () => {
    const { body } = await post(charge('tok_ok'), 'k1');
    const part = { chargeId: body.id, orderId: 'o1', amount: 300 };
    const first = await refund(part, 'r1');
    expect(first.status).to.equal(201);
    expect((await refund(part, 'r1')).body).to.deep.equal(first.body);
    expect((await refund(part, 'r2')).body.code).to.equal('refund_too_large');
    expect((await refund({ ...part, orderId: 'o2' }, 'r3')).body.code).to.equal('charge_of_another_order');
    expect((await refund({ ...part, chargeId: 'ch_none' }, 'r4')).status).to.equal(404);
    expect((await ledger()).items.map(({ kind, amount }) => [kind, amount])).to.deep.equal([
      ['charge', 500],
      ['refund', 300],
    ]);
  });

  it('rejects every request while it is down, and stays down after a restart', async () => {
    await send(`${sandbox.url}/gateway/outage`, 'PUT', { down: true });
    await sandbox.close();
    sandbox = await directory.start();
    expect((await send(`${sandbox.url}/gateway/outage`, 'GET')).body).to.deep.equal({ down: true });
    expect((await post(charge('tok_ok'), 'k1')).status).to.equal(503);
    expect((await refund({ chargeId: 'c', orderId: 'o', amount: 1 }, 'k2')).status).to.equal(503);
    await send(`${sandbox.url}/gateway/outage`, 'PUT', { down: false });
    expect((await post(charge('tok_ok'), 'k1')).status).to.equal(201);
  });

  it('delays charges by the configured time', async () => {
    await sandbox.close();
    sandbox = await directory.start({ chargeDelay: 5 });
    expect((await post(charge('tok_ok'), 'k1')).status).to.equal(201);
  });

  it('lists its ledger in pages, also for one order', async () => {
    for (let i = 0; i < 5; i++) await post(charge('tok_ok', { orderId: `o${i % 2}` }), `k${i}`);
    const first = await ledger('?limit=3');
    expect(first.items.map(({ key }) => key)).to.deep.equal(['k0', 'k1', 'k2']);
    const rest = await ledger(`?limit=3&cursor=${String(first.nextCursor)}`);
    expect(rest.items.map(({ key }) => key)).to.deep.equal(['k3', 'k4']);
    expect(rest).not.to.have.property('nextCursor');
    expect((await ledger('?orderId=o1')).items.map(({ key }) => key)).to.deep.equal(['k1', 'k3']);
  });

  it('reports the errors of a request and never repeats its values', async () => {
    for (const amount of [0, -1, 1.5, '7', 1e15, null]) {
      const { status, body, type } = await post(charge('secret-token', { amount }), 'k1');
      expect([status, body.code]).to.deep.equal([400, 'invalid_request']);
      expect(type).to.include('application/problem+json');
      expect(body.errors).to.have.nested.property('[0].path', 'amount');
      expect(JSON.stringify(body)).not.to.include('secret-token');
    }
    expect((await post(charge('tok_ok'))).body.code).to.equal('idempotency_key_required');
    expect((await post('{"amount":', 'k1')).status).to.equal(400);
    expect((await post(charge('x'.repeat(100_000)), 'k1')).status).to.equal(413);
    expect((await send(`${sandbox.url}/gateway/outage`, 'PUT', { down: 'yes' })).status).to.equal(400);
    expect((await send(`${sandbox.url}/gateway/ledger?limit=0`, 'GET')).status).to.equal(400);
    expect((await send(`${sandbox.url}/nowhere`, 'GET')).status).to.equal(404);
  });
});
