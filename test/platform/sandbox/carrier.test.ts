import { expect } from 'chai';
import type { Sandbox } from '../../../platform/sandbox/sandbox.js';
import { send, temporaryDirectory, type SandboxDirectory } from './support/start.js';

describe('sandbox: the carrier', () => {
  let directory: SandboxDirectory;
  let sandbox: Sandbox;
  const address = { name: 'Ada', line1: 'Long Lane 1', city: 'London', postalCode: 'E1 6AN', country: 'GB' };
  const shipment = (over: object = {}) => ({
    orderId: 'o1',
    address: { ...address, ...over },
    items: [{ sku: 'item_1', quantity: 2, unitPrice: 100 }],
  });
  const book = (body: unknown, key?: string) => send(`${sandbox.url}/carrier/shipments`, 'POST', body, key);
  const cancel = (number: unknown) => send(`${sandbox.url}/carrier/shipments/${String(number)}`, 'DELETE');
  const list = async (query = '') => (await send(`${sandbox.url}/carrier/shipments${query}`, 'GET')).body.items;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    sandbox = await directory.start();
  });
  afterEach(() => directory.remove());

  it('books one shipment per key, and returns its estimated delivery', async () => {
    const first = await book(shipment(), 'k1');
    expect(first.status).to.equal(201);
    expect(first.body.estimatedDelivery).to.match(/^\d{4}-\d\d-\d\d$/);
    expect((await book(shipment(), 'k1')).body).to.deep.equal(first.body);
    expect((await book(shipment({ name: 'Bob' }), 'k1')).status).to.equal(409);
    expect(await list()).to.have.length(1);
    expect(await list('?orderId=o2')).to.be.empty;
  });

  it('voids a shipment idempotently', async () => {
    const { trackingNumber } = (await book(shipment(), 'k1')).body;
    expect((await cancel(trackingNumber)).body).to.deep.equal({ trackingNumber, status: 'voided' });
    expect((await cancel(trackingNumber)).status).to.equal(200);
    expect((await cancel('SBX0')).status).to.equal(404);
    expect((await list())[0]).to.include({ status: 'voided', orderId: 'o1' });
  });

  it('closes a key: returns the shipment booked under it, or books none under it later', async () => {
    const close = (key: string) => send(`${sandbox.url}/carrier/shipments`, 'DELETE', undefined, key);
    const booked = await book(shipment(), 'k1');
    expect(await close('k1')).to.deep.include({ status: 200, body: booked.body });
    expect(await close('k2')).to.include({ status: 404 });
    const late = await book(shipment(), 'k2');
    expect([late.status, late.body.code]).to.deep.equal([422, 'cancelled']);
    expect((await close('')).body.code).to.equal('idempotency_key_required');
    expect(await list()).to.have.length(1);
  });

  it('does not deliver to the postal code 00000', async () => {
    const { status, body } = await book(shipment({ postalCode: '00000' }), 'k1');
    expect([status, body.code]).to.deep.equal([422, 'undeliverable']);
    expect(await list()).to.be.empty;
  });

  it('rejects every request while it is down, unlike the gateway', async () => {
    const { trackingNumber } = (await book(shipment(), 'k1')).body;
    await send(`${sandbox.url}/carrier/outage`, 'PUT', { down: true });
    expect((await book(shipment(), 'k2')).status).to.equal(503);
    expect((await cancel(trackingNumber)).status).to.equal(503);
    const paid = { orderId: 'o1', amount: 1, currency: 'USD', token: 'tok_ok' };
    expect((await send(`${sandbox.url}/gateway/charges`, 'POST', paid, 'k1')).status).to.equal(201);
    await send(`${sandbox.url}/carrier/outage`, 'PUT', { down: false });
    expect((await book(shipment(), 'k2')).status).to.equal(201);
  });

  it('reports the errors of a request', async () => {
    const { status, body } = await book({ orderId: 'o1', address: {}, items: [] }, 'k1');
    expect([status, body.code]).to.deep.equal([400, 'invalid_request']);
    expect((await book(shipment())).body.code).to.equal('idempotency_key_required');
  });
});
