import { expect } from 'chai';
import { createTransport } from 'nodemailer';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { createGateway } from '../../../workers/payment/gateway.js';
import { PortTakenError } from '../../../platform/sandbox/http/listen.js';
import { startSandbox } from '../../../platform/sandbox/sandbox.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { forkIn, send, temporaryDirectory, type SandboxDirectory, type SandboxProcess } from './support/start.js';
import { eventually } from '../../support/eventually.js';

describe('sandbox: the process', () => {
  let directory: SandboxDirectory;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => directory.remove());

  it('keeps every confirmed charge, key, shipment and mail when it is killed, and creates none twice', async () => {
    const processes: SandboxProcess[] = [];
    const restart = async () => {
      await processes.at(-1)?.kill();
      const next = await forkIn(directory.path);
      processes.push(next);
      return next;
    };
    try {
      let sandbox = await restart();
      const charge = (n: number, token = 'tok_ok') => ({ orderId: `o${n}`, amount: 100 + n, currency: 'USD', token });
      const post = (path: string, body: unknown, key: string) => send(`${sandbox.url}${path}`, 'POST', body, key);
      const first = await post('/gateway/charges', charge(1), 'k1');
      const statuses = [(await post('/gateway/charges', charge(2, 'tok_flaky'), 'k2')).status];

      sandbox = await restart();
      expect((await post('/gateway/charges', charge(1), 'k1')).body).to.deep.equal(first.body);
      statuses.push((await post('/gateway/charges', charge(2, 'tok_flaky'), 'k2')).status);
      const address = { name: 'A', line1: 'L', city: 'C', postalCode: '1', country: 'GB' };
      const shipment = { orderId: 'o1', address, items: [{ sku: 'item_1', quantity: 1 }] };
      const booked = await post('/carrier/shipments', shipment, 'k1');
      const mail = { from: 'a@example.com', to: 'b@example.com', subject: 'S', text: 'T', messageId: '<m1@flotilla>' };
      await createTransport(sandbox.smtpUrl).sendMail(mail);

      sandbox = await restart();
      statuses.push((await post('/gateway/charges', charge(2, 'tok_flaky'), 'k2')).status);
      expect(statuses).to.deep.equal([503, 503, 201]);
      expect((await post('/gateway/charges', charge(9), 'k1')).status).to.equal(409);
      expect((await post('/carrier/shipments', shipment, 'k1')).body).to.deep.equal(booked.body);
      await createTransport(sandbox.smtpUrl).sendMail(mail);
      const get = async (path: string) => (await send(`${sandbox.url}${path}`, 'GET')).body.items;
      expect((await get('/gateway/ledger')).map(({ key }) => key)).to.deep.equal(['k1', 'k2']);
      expect(await get('/carrier/shipments')).to.have.length(1);
      expect((await get('/mailbox?to=b@example.com')).map(({ deliveries }) => deliveries)).to.deep.equal([2]);
    } finally {
      for (const each of processes) await each.kill();
    }
  });

  it('requires the token, as bearer token or password, on all routes but its health', async () => {
    const token = 'a token of 16 and more';
    const sandbox = await directory.start({ token });
    const status = async (path: string, authorization?: string) =>
      (await fetch(`${sandbox.url}${path}`, { headers: authorization === undefined ? {} : { authorization } })).status;
    const basic = (password: string) => `Basic ${Buffer.from(`sandbox:${password}`).toString('base64')}`;
    expect(await status('/livez')).to.equal(200);
    for (const path of ['/mailbox', '/gateway/ledger', '/carrier/shipments']) {
      expect(await status(path), path).to.equal(401);
      expect(await status(path, basic('wrong')), path).to.equal(401);
      expect(await status(path, basic(token)), path).to.equal(200);
    }
    const charge = { orderId: 'o1', amount: 5, currency: 'USD', token: 'tok_ok' };
    const { host } = new URL(sandbox.url);
    const gateway = createGateway(`http://sandbox:${encodeURIComponent(token)}@${host}`);
    const { signal } = new AbortController();
    expect(await gateway.charge(charge, { key: 'k1', signal })).to.include({ amount: 5, currency: 'USD' });

    const { hostname, port } = new URL(sandbox.smtpUrl);
    const mail = { from: 'a@example.com', to: 'b@example.com', subject: 'S', text: 'T' };
    const sendAs = (pass?: string) =>
      createTransport({ host: hostname, port: Number(port), ...(pass && { auth: { user: 'sandbox', pass } }) })
        .sendMail(mail)
        .then(
          () => 250,
          (error: unknown) => (error as { responseCode?: number }).responseCode,
        );
    expect([await sendAs(), await sendAs('wrong'), await sendAs(token)]).to.deep.equal([530, 535, 250]);
  });

  it('accepts mail without the token if configured so, and shows it only with the token', async () => {
    const sandbox = await directory.start({ token: 'a token of 16 and more', smtpLogin: 'none' });
    const { hostname, port } = new URL(sandbox.smtpUrl);
    const mail = { from: 'a@example.com', to: 'b@example.com', subject: 'S', text: 'T' };
    await createTransport({ host: hostname, port: Number(port) }).sendMail(mail);
    expect((await send(`${sandbox.url}/mailbox`, 'GET')).status).to.equal(401);
  });

  it('charges exactly once when it is killed during charges that are retried', async () => {
    let sandbox = await forkIn(directory.path);
    let again = Promise.resolve(sandbox);
    const settled = new Map<string, unknown>();
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
    const work = async (key: string) => {
      await eventually(`${key} is charged`, async () => {
        const body = { orderId: key, amount: 5, currency: 'USD', token: 'tok_ok' };
        const answer = await send(`${sandbox.url}/gateway/charges`, 'POST', body, key).catch(() => undefined);
        if (answer?.status === 201) return settled.set(key, answer.body.id);
        await again;
        return false;
      });
    };
    try {
      const all = Promise.all(keys.map(work));
      await eventually('five are charged', () => settled.size >= 5, { every: 0 });
      again = sandbox.kill().then(() => forkIn(directory.path));
      sandbox = await again;
      await all;
      const { items } = (await send(`${sandbox.url}/gateway/ledger`, 'GET')).body;
      expect(items).to.have.length(keys.length);
      expect(Object.fromEntries(items.map(({ key, id }) => [String(key), id]))).to.deep.equal(
        Object.fromEntries(settled),
      );
    } finally {
      await sandbox.kill();
    }
  });

  it('names the port in use, and leaves nothing open', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const bound = other.address();
    const taken = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const start = (port: number, smtpPort: number) =>
      startSandbox({ port, smtpPort, dataDir: directory.path, logger: silentLogger() }).catch(
        (error: unknown) => error,
      );
    try {
      for (const [error, server] of [
        [await start(taken, 0), 'http'],
        [await start(0, taken), 'smtp'],
      ] as const) {
        expect(error).to.be.instanceOf(PortTakenError).with.property('code', 'EADDRINUSE');
        expect(error).to.include({ server, port: taken });
        expect(error).to.have.property('message').that.includes(`127.0.0.1:${taken}`);
      }
    } finally {
      other.close();
      await once(other, 'close');
    }
  });

  it('is alive while it runs, and closes when its signal aborts', async () => {
    const stop = new AbortController();
    const options = { port: 0, smtpPort: 0, dataDir: directory.path, logger: silentLogger(), signal: stop.signal };
    const sandbox = await startSandbox(options);
    expect((await send(`${sandbox.url}/livez`, 'GET')).status).to.equal(200);
    stop.abort();
    await sandbox.close();
    expect(await send(`${sandbox.url}/livez`, 'GET').catch(() => 'refused')).to.equal('refused');
  });

  it('listens on loopback unless configured otherwise', async () => {
    const sandbox = await directory.start();
    expect([sandbox.url, sandbox.smtpUrl].every((url) => new URL(url).hostname === '127.0.0.1')).to.equal(true);
    await sandbox.close();
  });
});
