import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { PermanentError, UnavailableError } from 'flotilla';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Sandbox } from '../../platform/sandbox/sandbox.js';
import { createMailer, meansNoServer } from '../../workers/email/mailer.js';
import { createGateway } from '../../workers/payment/gateway.js';
import { createCarrier } from '../../workers/shipping/carrier.js';
import { send, temporaryDirectory, type SandboxDirectory } from '../platform/sandbox/support/start.js';
import { KeyReusedError } from 'flotilla';
import { details } from '../platform/support/events.js';

const { signal } = new AbortController();
const charge = { orderId: 'o1', amount: 1250, currency: 'USD', token: 'tok_ok' };

/** Resolves with the reason of a rejection. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('It was not rejected');
    },
    (error: unknown) => error,
  );

describe('calls of external services', () => {
  let directory: SandboxDirectory;
  let sandbox: Sandbox;
  before(async () => {
    directory = await temporaryDirectory();
    sandbox = await directory.start();
  });
  after(() => directory.remove());

  it('charge once for a key, and refund the charge', async () => {
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

  it('distinguish a declined card, an unavailable service and an invalid request', async () => {
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

  it('close a key: return its result, or prevent a later one', async () => {
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

  it('report a key that was used with other data', async () => {
    const gateway = createGateway(sandbox.url);
    await gateway.charge({ ...charge, token: 'tok_declined' }, { key: 'd1', signal });
    expect(await rejection(gateway.charge(charge, { key: 'd1', signal }))).to.be.instanceOf(KeyReusedError);
  });

  describe('with a server that responds incorrectly', () => {
    const received: string[] = [];
    let answer: RequestListener;
    const servers = [
      createServer((req, res) => answer(req, res)),
      createServer((req, res) => {
        received.push(`${req.method} ${req.url}`);
        res.writeHead(201, json).end(JSON.stringify({ id: 'ch_1', amount: 1250, currency: 'USD' }));
      }),
    ];
    let urls: string[] = [];
    before(async () => {
      for (const server of servers) {
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
      }
      urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
    after(() => {
      for (const server of servers) server.close().closeAllConnections();
    });
    const json = { 'content-type': 'application/json' };
    const chargeOnce = () => rejection(createGateway(`${urls[0]}`).charge(charge, { key: 'x', signal }));

    for (const status of [302, 303, 307, 308]) {
      it(`follow no redirect (${status}), and treat it as an outage, not as a payment`, async () => {
        answer = (_req, res) => res.writeHead(status, { location: `${urls[1]}/gateway/charges` }).end();
        const error = await chargeOnce();
        expect(error).to.be.instanceOf(UnavailableError).and.to.include({ status });
        expect(received).to.deep.equal([]);
      });
    }

    for (const [what, headers, body] of [
      ['that is not declared as JSON', { 'content-type': 'text/html' }, '{"id":"ch","amount":1250,"currency":"USD"}'],
      ['that is not JSON', json, '<html>tok_ok</html>'],
      ['without a field', json, '{"id":"ch_secret","amount":1250}'],
      ['with a wrong field', json, '{"id":"ch_secret","amount":"tok_ok","currency":"usd"}'],
      ['that is too large', json, JSON.stringify({ id: 'ch_secret', note: 'x'.repeat(70_000) })],
      ['that is compressed', { ...json, 'content-encoding': 'gzip' }, gzipSync('{}')],
    ] as const) {
      it(`do not accept an answer ${what}, and keep its content out of the error`, async () => {
        answer = (_req, res) => res.writeHead(201, headers).end(body);
        const error = await chargeOnce();
        expect(error).to.be.instanceOf(Error).and.not.to.be.instanceOf(PermanentError);
        expect(String(error)).not.to.match(/tok_ok|ch_secret|xxx/);
      });
    }

    it('keep the text of a refusal and the query of the address out of the error', async () => {
      answer = (_req, res) => res.writeHead(400, json).end('{"code":"bad_card","title":"4111111111111111 tok_ok"}');
      const gateway = createGateway(`${urls[0]}/?apikey=secret#`);
      const error = await rejection(gateway.charge(charge, { key: 'x', signal }));
      expect(error).to.be.instanceOf(PermanentError).and.to.include({ code: 'http.refused' });
      expect(String(error))
        .to.contain('(bad_card)')
        .and.not.to.match(/411111|tok_ok|secret/);
    });

    it('do not accept a refund of another amount', async () => {
      answer = (_req, res) => res.writeHead(201, json).end('{"id":"re_1","amount":1}');
      const refund = { chargeId: 'ch_1', orderId: 'o1', amount: 1250 };
      const error = await rejection(createGateway(`${urls[0]}`).refund(refund, { key: 'r', signal }));
      expect(error).to.be.instanceOf(PermanentError).and.to.include({ code: 'payment.mismatch' });
    });

    it('do not accept the cancellation of another shipment', async () => {
      answer = (_req, res) => res.writeHead(200, json).end('{"trackingNumber":"other"}');
      await rejection(createCarrier(`${urls[0]}`).cancel('T1', { signal }));
    });
  });

  it('stop waiting when the handler is aborted', async () => {
    const gateway = createGateway(sandbox.url);
    const ending = new AbortController();
    const waiting = rejection(
      gateway.charge({ ...charge, token: 'tok_timeout' }, { key: 'k5', signal: ending.signal }),
    );
    const reason = new Error('ending');
    ending.abort(reason);
    expect(await waiting).to.equal(reason);
  });

  it('book a shipment, cancel it, and cancel an unknown one', async () => {
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

  it('escape a name in a mail, so that it cannot become a header or another recipient', async () => {
    const mailer = await createMailer({ smtpUrl: sandbox.smtpUrl, mailFrom: 'Shop <shop@example.org>' });
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

  describe('with a login for the mail server on another machine', () => {
    const logins: string[] = [];
    const sent = { template: 'welcome', subject: 'Welcome', text: 'Dear' } as const;
    /** 0.0.0.0 reaches this machine by an address that is not loopback. */
    const sendOver = async (options: SMTPServerOptions, url: (port: number) => string) => {
      const server = new SMTPServer({
        ...options,
        authOptional: true,
        onAuth: ({ username }, _session, done) => {
          logins.push(username ?? '');
          done(null, { user: 'shop' });
        },
        onData: (stream, _session, done) => {
          stream.resume().once('end', () => done());
        },
      });
      server.listen(0, '0.0.0.0');
      await once(server.server, 'listening');
      const mailer = await createMailer({
        smtpUrl: url((server.server.address() as AddressInfo).port),
        mailFrom: 'shop@example.org',
      });
      try {
        await mailer.send({ name: 'Ada', email: 'ada@example.org' }, sent, '<m3@flotilla.local>');
      } finally {
        mailer.close();
        await new Promise<void>((resolve) => server.close(() => resolve()));
      }
    };
    beforeEach(() => logins.splice(0));

    it('send neither login nor mail without TLS, and report it', async () => {
      const plain = { allowInsecureAuth: true, disabledCommands: ['STARTTLS'] };
      const error = await rejection(sendOver(plain, (port) => `smtp://shop:secret@0.0.0.0:${port}`));
      expect(error).to.have.property('code', 'smtp.tls_required');
      expect(meansNoServer(error)).to.equal(true);
      expect(String(error)).not.to.contain('secret');
      expect(logins).to.deep.equal([]);
    });

    it('send it to this machine, and mails without a login, without TLS', async () => {
      const plain = { allowInsecureAuth: true, disabledCommands: ['STARTTLS'] };
      await sendOver(plain, (port) => `smtp://shop:secret@127.0.0.1:${port}`);
      await sendOver(plain, (port) => `smtp://0.0.0.0:${port}`);
      expect(logins).to.deep.equal(['shop']);
    });
  });

  it('report an unreachable mail server', async () => {
    const mailer = await createMailer({ smtpUrl: 'smtp://127.0.0.1:1', mailFrom: 'shop@example.org' });
    const mail = { template: 'welcome', subject: 'Welcome', text: 'Dear' } as const;
    const error = await rejection(mailer.send({ name: 'Ada', email: 'ada@example.org' }, mail, '<m2@flotilla.local>'));
    mailer.close();
    expect(error).not.to.be.instanceOf(PermanentError);
    expect(String(error)).to.contain('ESOCKET');
  });
});
