import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { createRabbitBroker } from '../../../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../../../src/broker/rabbitmq/management/management.js';
import { probeBroker } from '../../../../src/broker/rabbitmq/connection/probe.js';
import { FlotillaError } from '../../../../src/errors.js';
import { createLogger, silentLogger } from '../../../../src/telemetry/logger.js';
import { errorOf } from '../../../contract/broker.js';
import { manage } from '../../../support/management.js';
import { testBroker, type TestBroker } from '../../../support/rabbitmq.js';
import { tcpProxy } from '../../../support/tcp-proxy.js';
import { eventually } from '../../../support/eventually.js';

describe('a connection that cannot be opened', function () {
  this.timeout(90_000);
  let real: TestBroker;
  let closed: string;
  let user: string;
  const servers: Server[] = [];
  before(async () => {
    real = await testBroker();
    user = `${real.prefix}user`;
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    closed = String((server.address() as AddressInfo).port);
    server.close();
    await manage(real.managementUrl, 'PUT', `users/${user}`, { password: 'hunter2', tags: '' });
    await manage(real.managementUrl, 'PUT', `vhosts/${user}`);
    await manage(real.managementUrl, 'PUT', `permissions/${user}/guest`, { configure: '.*', write: '.*', read: '.*' });
  });
  after(async () => {
    for (const server of servers) server.close();
    await manage(real.managementUrl, 'DELETE', `users/${user}`);
    await manage(real.managementUrl, 'DELETE', `vhosts/${user}`);
  });

  const serve = async (answer: (socket: Socket) => void) => {
    const server = createServer(answer).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return String((server.address() as AddressInfo).port);
  };
  const changed = (change: Partial<URL>, from = real.amqpUrl) => Object.assign(new URL(from), change).toString();
  const failureAt = async (url: string) => (await probeBroker(url)).failures[0];

  const causes: [string, string, RegExp, () => string | Promise<string>][] = [
    ['a wrong password', 'broker.refused_credentials', /user "guest"/, () => changed({ password: 'hunter2' })],
    ['an unknown user', 'broker.refused_credentials', /user "nobody"/, () => changed({ username: 'nobody' })],
    ['an unknown virtual host', 'broker.no_vhost', /virtual host "shop"/, () => changed({ pathname: '/shop' })],
    [
      'a virtual host without permission',
      'broker.no_vhost',
      /virtual host "\/", user/,
      () => changed({ username: user, password: 'hunter2' }),
    ],
    ['an unknown host', 'broker.unknown_host', /nowhere\.invalid/, () => changed({ hostname: 'nowhere.invalid' })],
    ['a closed port', 'broker.refused_connection', /127\.0\.0\.1:\d+$/, () => changed({ port: closed })],
    ['TLS on a port without TLS', 'broker.tls', /does not speak TLS/, () => real.amqpUrl.replace('amqp:', 'amqps:')],
    [
      'the port of the management API',
      'broker.not_amqp',
      /HTTP\/1\.1 400/,
      () => changed({ port: new URL(real.managementUrl).port }),
    ],
    [
      'a mail server',
      'broker.not_amqp',
      /220 mail/,
      async () => changed({ port: await serve((socket) => socket.end('220 mail ESMTP\r\n')) }),
    ],
    [
      'a port that closes every connection',
      'broker.unreachable',
      /closes the connection/,
      async () => changed({ port: await serve((socket) => socket.destroy()) }),
    ],
    [
      'a port that does not respond',
      'broker.unreachable',
      /does not answer/,
      async () => changed({ port: await serve(() => undefined) }),
    ],
  ];
  for (const [what, code, detail, urlOf] of causes) {
    it(`reports the cause of ${what}`, async () => {
      const failure = await failureAt(await urlOf());
      expect(failure?.code).to.equal(code);
      expect(failure?.detail).to.match(detail).and.not.include('hunter2');
    });
  }

  it('distinguishes a connection limit from a missing virtual host', async () => {
    await manage(real.managementUrl, 'PUT', `vhost-limits/${user}/max-connections`, { value: 0 });
    const failure = await failureAt(changed({ pathname: `/${user}` }));
    expect(failure?.code).to.equal('broker.unreachable');
    expect(failure?.detail).to.include('limit (0) is reached');
  });

  it('reports the permanent cause where nodes of a broker fail in different ways', async () => {
    const failures: string[] = [];
    const broker = createRabbitBroker({
      url: [changed({ port: closed }), changed({ password: 'hunter2' })].join(','),
      connectionName: 'test',
      logger: silentLogger(),
      onUnreachable: ({ code, detail }) => failures.push(`${code} ${detail}`),
    });
    await eventually(async () => failures.length > 0);
    await broker.close();
    expect(failures[0]).to.match(/^broker\.refused_credentials .*broker\.refused_connection: 127\.0\.0\.1/);
    expect(failures[0]).not.to.include('hunter2');
  });

  it('is retried, logged as an error at a bounded rate, and logged once when the broker is reachable again', async () => {
    await manage(real.managementUrl, 'PUT', `permissions/%2F/${user}`, { configure: '.*', write: '.*', read: '.*' });
    const proxy = await tcpProxy(real.amqpUrl);
    const entries: { level: string; code?: string; message: string }[] = [];
    const logger = createLogger({ level: 'info' });
    logger.on('data', (entry: { level: string; code?: string; message: string }) => entries.push(entry));
    logger.transports.forEach((transport) => (transport.silent = true));
    let rounds = 0;
    const broker = createRabbitBroker({
      url: changed({ username: user, password: 'hunter2' }, proxy.through(real.amqpUrl)),
      connectionName: 'test',
      logger,
      onUnreachable: () => (rounds += 1),
    });
    await broker.ready();
    await manage(real.managementUrl, 'PUT', `users/${user}`, { password: 'changed', tags: '' });
    proxy.cut();
    await eventually(async () => rounds >= 6);
    const errors = entries.filter(({ level, code }) => level === 'error' && code === 'broker.refused_credentials');
    expect(errors).to.have.length(2); // one for each of the two connections
    await manage(real.managementUrl, 'PUT', `users/${user}`, { password: 'hunter2', tags: '' });
    await broker.ready();
    const connected = entries.filter(({ message }) => message === 'connected to the broker');
    // two connections: a warning after a loss, so that its end is in every log that has its beginning
    expect(connected.map(({ level }) => level)).to.deep.equal(['debug', 'debug', 'warn', 'warn']);
    await broker.close();
    await proxy.close();
  });

  const management: [string, RegExp, () => string | Promise<string>][] = [
    ['a wrong password', /user "guest" is refused \(401\)/, () => changed({ password: 'hunter2' }, real.managementUrl)],
    [
      'a user without the tag',
      /has no tag "management" or "monitoring"/,
      () => changed({ username: user, password: 'hunter2' }, real.managementUrl),
    ],
    [
      'an unknown host',
      /nowhere\.invalid is not known/,
      () => changed({ hostname: 'nowhere.invalid' }, real.managementUrl),
    ],
    ['a closed port', /nothing listens there/, () => changed({ port: closed }, real.managementUrl)],
    ['the port of AMQP', /not RabbitMQ's/, () => changed({ port: new URL(real.amqpUrl).port }, real.managementUrl)],
    [
      'another web server',
      /not RabbitMQ's/,
      async () =>
        changed(
          { port: await serve((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello')) },
          real.managementUrl,
        ),
    ],
    [
      'a port that does not respond',
      /no answer within 300 ms/,
      async () => changed({ port: await serve(() => undefined) }, real.managementUrl),
    ],
  ];
  for (const [what, detail, urlOf] of management) {
    it(`reports the cause of ${what} of the management API`, async () => {
      const error = await errorOf(createManagement({ url: await urlOf(), timeout: 300 }).overview());
      expect(error).to.be.instanceOf(FlotillaError).and.have.property('code', 'broker.management');
      expect(error?.message).to.match(detail).and.not.include('hunter2');
    });
  }
});
