import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import { createMailer, meansNoServer, type Mailer } from '../../../workers/email/mailer.js';
import { welcome } from '../../../workers/email/templates.js';

const TIMEOUT_MS = 200;
const recipient = { name: 'Ada', email: 'ada@example.org' };

describe('mailer', () => {
  const sockets = new Set<Socket>();
  let server: Server;
  let mailer: Mailer;
  let at: string;

  beforeEach(async () => {
    server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    mailer = await createMailer({ smtpUrl: `smtp://${at}`, mailFrom: 'shop@example.org' }, TIMEOUT_MS);
  });

  afterEach(() => {
    mailer.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  const send = (id: number) =>
    mailer.send(recipient, welcome('Ada'), `<${id}@flotilla.local>`).catch((error: unknown) => error);

  it('fails every mail within its limit while the server hangs, also those that wait for a connection', async () => {
    const began = performance.now();
    const errors = await Promise.all(Array.from({ length: 12 }, (_, id) => send(id)));
    // the first connections alone are busy for ten seconds
    expect(performance.now() - began).to.be.below(10_000);
    for (const error of errors) {
      expect(error).to.include({ code: 'smtp.failed', message: `The mail server ${at} failed: ETIMEDOUT` });
      expect(meansNoServer(error)).to.equal(true);
    }
  });

  it('names host and port of a server that is down', async () => {
    server.close();
    await once(server, 'close');
    expect(await send(1))
      .to.have.property('message')
      .that.contains(`The mail server ${at} failed: ESOCKET`);
  });
});
