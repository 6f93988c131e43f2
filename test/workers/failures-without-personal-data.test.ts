import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { SMTPServer } from 'smtp-server';
import type { Worker } from '../../src/worker/definition/worker-definition.js';
import { createLogger, type Logger } from '../../src/telemetry/logger.js';
import email from '../../workers/email/index.js';
import payment from '../../workers/payment/index.js';
import { ada, details, orderId } from '../platform/support/events.js';
import { testFleet, type TestFleet } from '../support/test-fleet.js';
import { wrapDefinition } from '../../src/opaque.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

const PERSONAL = 'Ada Lovelace <ada@example.org>, card 4111111111111111, tok_visa, key=sesame, password hunter2';
/** What no record may contain. No random hexadecimal id, port or time matches. */
const PRIVATE = /Lovelace|ada[@:]|example\.org|411111|tok_|sesame|hunter2/;
const order = { ...details, payment: { token: 'tok_visa' } };

/** Everything that a worker recorded: its log, its dead letters with all headers, its events. */
async function everythingOf(fleet: TestFleet, log: PassThrough, deadLetters: number): Promise<string> {
  const letters = deadLetters === 0 ? [] : await fleet.deadLetters(deadLetters);
  const events = (await fleet.store.readAll(0)).map(({ body }) => body);
  // the data of the command itself is personal and stays in the body
  return JSON.stringify([
    String(log.read(log.readableLength) ?? ''),
    letters.map(({ properties }) => properties),
    events,
  ]);
}

/** The worker with a single attempt. */
function withoutRetries(worker: Worker): Worker {
  return wrapDefinition({ ...workerDefinitionOf(worker), retryDelays: [] });
}

function logTo(log: PassThrough): Logger {
  return createLogger({ level: 'debug', format: 'json', stream: log });
}

describe('the response of an external service', function () {
  this.timeout(60_000);

  const answers: Readonly<Record<string, RequestListener>> = {
    'a refusal of the request': (_, response) => response.writeHead(400).end(PERSONAL),
    'a refusal with a code': (_, response) =>
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ code: PERSONAL })),
    'a declined card with a card number as code': (_, response) =>
      response.writeHead(402, { 'content-type': 'application/json' }).end('{"code":"4111111111111111"}'),
    'a declined card with a token as code': (_, response) =>
      response.writeHead(402, { 'content-type': 'application/json' }).end('{"code":"tok_visa"}'),
    'a failure': (_, response) => response.writeHead(500).end(PERSONAL),
    'a body that is not JSON': (_, response) => response.writeHead(201).end(PERSONAL),
    'malformed JSON': (_, response) =>
      response.writeHead(201, { 'content-type': 'application/json' }).end(`{"id": ${PERSONAL}`),
    'another charge': (_, response) =>
      response
        .writeHead(201, { 'content-type': 'application/json' })
        .end(JSON.stringify({ id: PERSONAL.repeat(9), amount: PERSONAL, currency: PERSONAL })),
    'a closed connection': (request) => request.socket.destroy(new Error(PERSONAL)),
  };
  for (const [what, answer] of Object.entries(answers)) {
    it(`is in no log, dead letter or event: ${what}`, async () => {
      const server = createServer(answer).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const log = new PassThrough();
      const fleet = await testFleet(withoutRetries(payment), {
        settings: { gatewayUrl: `http://ada:hunter2@127.0.0.1:${port}` },
        logger: logTo(log),
      });
      try {
        await fleet.send(fleet.event('payment.process', { orderId, order }, `order/${orderId}`));
        await fleet.until((seen) => seen.length === 1);
        const [{ outcome } = { outcome: '' }] = fleet.seen;
        const everything = await everythingOf(fleet, log, outcome === 'dead' ? 1 : 0);
        expect(outcome).to.be.oneOf(['dead', 'done']);
        expect(everything).to.contain(outcome === 'dead' ? 'flotilla-error-message' : 'payment.failed');
        expect(everything).not.to.match(PRIVATE);
      } finally {
        await fleet.stop();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    });
  }

  for (const responseCode of [450, 550]) {
    it(`is in no log or dead letter: a mail server that responds with ${responseCode} and the recipient`, async () => {
      const server = new SMTPServer({
        authOptional: true,
        closeTimeout: 100,
        disabledCommands: ['STARTTLS'],
        onRcptTo: (address, _, done) =>
          done(Object.assign(new Error(`5.1.1 <${address.address}> Ada Lovelace is unknown`), { responseCode })),
      });
      server.listen(0, '127.0.0.1');
      await once(server.server, 'listening');
      const { port } = server.server.address() as AddressInfo;
      const log = new PassThrough();
      const settings = { smtpUrl: `smtp://127.0.0.1:${port}` };
      const fleet = await testFleet(withoutRetries(email), { settings, logger: logTo(log) });
      try {
        const created = { ...ada, name: 'Ada Lovelace' };
        await fleet.send(fleet.event('user.created', created, 'user/u1'));
        await fleet.until((seen) => seen.length === 1);
        await fleet.send(fleet.event('order.created', { orderId, ...details, userId: 'u1' }, `order/${orderId}`));
        await fleet.until((seen) => seen.length === 2);
        const letters = await fleet.deadLetters(1);
        const everything = JSON.stringify([
          String(log.read(log.readableLength) ?? ''),
          letters.map(({ properties }) => properties),
        ]);
        expect(everything).to.contain(`${responseCode} 5.1.1 EENVELOPE RCPT TO`);
        expect(everything).not.to.match(PRIVATE);
      } finally {
        await fleet.stop();
        await new Promise<void>((resolve) => server.close(resolve));
      }
    });
  }
});
