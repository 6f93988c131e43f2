import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { SMTPServer } from 'smtp-server';
import { createRelay } from '../../../src/outbox/relay.js';
import email from '../../../workers/email/index.js';
import { ada, details, orderId } from '../../platform/support/events.js';
import { testFleet } from '../../support/test-fleet.js';

describe('worker email, with a mail server that rejects the welcome mail', function () {
  this.timeout(60_000);

  it('dead-letters only the welcome mail and still sends later mails of the user', async () => {
    const taken: string[] = [];
    const server = new SMTPServer({
      authOptional: true,
      closeTimeout: 100,
      disabledCommands: ['STARTTLS'],
      onData(stream, _, done) {
        void text(stream).then((mail) => {
          if (mail.includes('Subject: Welcome')) {
            done(Object.assign(new Error('no such user'), { responseCode: 550 }));
            return;
          }
          taken.push(mail);
          done(null);
        });
      },
    });
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    const { port } = server.server.address() as AddressInfo;
    const fleet = await testFleet(email, { settings: { smtpUrl: `smtp://127.0.0.1:${port}` } });
    const stop = new AbortController();
    const { store, broker, names } = fleet;
    const relaying = createRelay({ store, broker, names, instance: 'test' }).run(stop.signal);
    try {
      await fleet.send(fleet.event('user.created', ada, 'user/u1'));
      await fleet.until((seen) => seen.some(({ code }) => code === 'email.refused'));
      await fleet.send(fleet.event('order.created', { orderId, ...details, userId: 'u1' }, `order/${orderId}`));
      await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'done').length === 2);
      expect(taken).to.have.length(1);
      expect(taken[0]).to.contain(`Your order ${orderId}`);
      const [letter] = await fleet.deadLetters(1);
      expect(letter?.properties.type).to.equal('email.send_welcome');
    } finally {
      stop.abort();
      await relaying;
      await fleet.stop();
      await new Promise<void>((resolve) => server.close(resolve));
    }
  });
});
