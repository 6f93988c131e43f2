import { expect } from 'chai';
import { PermanentError } from 'flotilla';
import type { Sandbox } from '../../src/platform/sandbox/sandbox.js';
import { createMailer } from '../../workers/email/mailer.js';
import { createGateway } from '../../workers/payment/gateway.js';
import { createCarrier } from '../../workers/shipping/carrier.js';
import { send, startIn, temporaryDirectory } from '../sandbox/start.js';
import { KeyReused } from '../../src/platform/once-outside.js';
import { details } from '../platform/events.js';

const { signal } = new AbortController();
const charge = { orderId: 'o1', amount: 1250, currency: 'USD', token: 'tok_ok' };

/** What the promise is rejected with. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('It was not rejected');
    },
    (error: unknown) => error,
  );

describe('workers and the world outside', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let sandbox: Sandbox;
  before(async () => {
    directory = await temporaryDirectory();
    sandbox = await startIn(directory.path);
  });
  after(async () => {
    await sandbox.close();
    await directory.remove();
  });

  it('charge once for a key, and refund what was charged', async () => {
    const gateway = createGateway(`${sandbox.url}/`);
    const first = await gateway.charge(charge, { key: 'k1', signal });
    expect(await gateway.charge(charge, { key: 'k1', signal })).to.deep.equal(first);
    if ('refused' in first) throw new Error('not charged');
    const refund = { chargeId: first.id, orderId: 'o1', amount: 1250 };
    await gateway.refund(refund, { key: 'r1', signal });
    await gateway.refund(refund, { key: 'r1', signal });
    const { body } = await send(`${sandbox.url}/gateway/ledger`, 'GET');
    expect(body.items.map(({ kind, key }) => [kind, key])).to.deep.equal([
      ['charge', 'k1'],
      ['refund', 'r1'],
    ]);
  });

  it('tell a declined card, a service that is not well, and a request that is wrong apart', async () => {
    const gateway = createGateway(sandbox.url);
    const declined = await gateway.charge({ ...charge, token: 'tok_declined' }, { key: 'k2', signal });
    expect(declined).to.deep.equal({ refused: 'card_declined' });
    expect(await rejection(gateway.charge({ ...charge, token: 'tok_down' }, { key: 'k3', signal }))).to.include({
      status: 503,
    });
    const wrong = await rejection(gateway.charge({ ...charge, amount: -1 }, { key: 'k4', signal }));
    expect(wrong).to.be.instanceOf(PermanentError).and.to.include({ code: 'http.refused' });
    expect(String(wrong)).not.to.contain('tok_ok');
  });

  it('close a key: learn what was done under it, and have nothing done under it afterwards', async () => {
    const gateway = createGateway(sandbox.url);
    const carrier = createCarrier(sandbox.url);
    const parcel = { orderId: 'o1', address: details.shippingAddress, items: [{ sku: 'item_1', quantity: 1 }] };
    const charged = await gateway.charge(charge, { key: 'c1', signal });
    const booked = await carrier.book(parcel, { key: 'c1', signal });
    expect(await gateway.cancel({ key: 'c1', signal })).to.deep.equal(charged);
    expect(await carrier.close({ key: 'c1', signal })).to.deep.equal(booked);
    expect(await gateway.cancel({ key: 'c2', signal })).to.equal(undefined);
    expect(await carrier.close({ key: 'c2', signal })).to.equal(undefined);
    expect(await gateway.charge(charge, { key: 'c2', signal })).to.deep.equal({ refused: 'cancelled' });
    expect(await carrier.book(parcel, { key: 'c2', signal })).to.deep.equal({ refused: 'cancelled' });
  });

  it('are told that a key came with other data', async () => {
    const gateway = createGateway(sandbox.url);
    await gateway.charge({ ...charge, token: 'tok_declined' }, { key: 'd1', signal });
    expect(await rejection(gateway.charge(charge, { key: 'd1', signal }))).to.be.instanceOf(KeyReused);
  });

  it('stop waiting when the handler must end', async () => {
    const gateway = createGateway(sandbox.url);
    const ending = new AbortController();
    const waiting = rejection(
      gateway.charge({ ...charge, token: 'tok_timeout' }, { key: 'k5', signal: ending.signal }),
    );
    const reason = new Error('ending');
    ending.abort(reason);
    expect(await waiting).to.equal(reason);
  });

  it('book a shipment, cancel it, and cancel what is not there', async () => {
    const carrier = createCarrier(sandbox.url);
    const parcel = { orderId: 'o1', address: details.shippingAddress, items: [{ sku: 'item_1', quantity: 1 }] };
    const booked = await carrier.book(parcel, { key: 'k1', signal });
    if ('refused' in booked) throw new Error('not booked');
    await carrier.cancel(booked.trackingNumber, { signal });
    await carrier.cancel(booked.trackingNumber, { signal });
    await carrier.cancel('T/../nothing', { signal });
    const nowhere = { ...parcel, address: { ...parcel.address, postalCode: '00000' } };
    expect(await carrier.book(nowhere, { key: 'k2', signal })).to.deep.equal({ refused: 'undeliverable' });
  });

  it('send a mail whose name cannot become a header or another recipient', async () => {
    const mailer = createMailer({ smtpUrl: sandbox.smtpUrl, mailFrom: 'Shop <shop@example.org>' });
    try {
      const name = 'Ada"\r\nBcc: eve@example.org\r\n\r\n, eve@example.org <x>';
      const mail = { template: 'welcome', subject: 'Welcome', text: `Dear ${name}` } as const;
      await mailer.send({ name, email: 'ada@example.org' }, mail, '<m1@flotilla.local>');
      const { body } = await send(`${sandbox.url}/mailbox?to=ada@example.org`, 'GET');
      expect(body.items).to.have.length(1);
      expect(body.items[0]).to.include({ subject: 'Welcome', messageId: '<m1@flotilla.local>' });
      expect((await send(`${sandbox.url}/mailbox?to=eve@example.org`, 'GET')).body.items).to.deep.equal([]);
    } finally {
      mailer.close();
    }
  });

  it('say that there is no mail server where there is none', async () => {
    const mailer = createMailer({ smtpUrl: 'smtp://127.0.0.1:1', mailFrom: 'shop@example.org' });
    const mail = { template: 'welcome', subject: 'Welcome', text: 'Dear' } as const;
    const error = await rejection(mailer.send({ name: 'Ada', email: 'ada@example.org' }, mail, '<m2@flotilla.local>'));
    mailer.close();
    expect(error).not.to.be.instanceOf(PermanentError);
    expect(error).to.have.property('code', 'ESOCKET');
  });
});
