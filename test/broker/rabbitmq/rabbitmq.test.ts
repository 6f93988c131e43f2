import { expect } from 'chai';
import { connect } from 'amqplib';
import type { Broker, Delivery } from '../../../src/broker/broker.js';
import type { Fields } from '../../../src/broker/messages/amqp-fields.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import type { Topology } from '../../../src/broker/topology/topology.js';
import { topologyOf } from '../../../src/broker/topology/topology.js';
import { createLogger, silentLogger } from '../../../src/telemetry/logger.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { codeOf, errorOf } from '../../contract/broker.js';
import { inbox } from '../../support/inbox.js';
import type { TestBroker } from '../../support/rabbitmq.js';
import { manage } from '../../support/management.js';
import { cleanUp, testBroker } from '../../support/rabbitmq.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { tcpProxy } from '../../support/tcp-proxy.js';
import { eventually } from '../../support/eventually.js';

const quorum: Fields = { 'x-queue-type': 'quorum' };

describe('the RabbitMQ broker', () => {
  let real: TestBroker;
  let proxy: TcpProxy;
  let broker: Broker;
  let metrics: ReturnType<typeof createMetrics>;
  const n = (suffix: string) => `${real.prefix}${suffix}`;
  const to = (queue: string, id: string, body = Buffer.from(id)) => ({
    exchange: '',
    routingKey: queue,
    body,
    properties: { messageId: id },
    mandatory: true,
  });
  const one = (suffix: string, more: Fields = {}): Topology => ({
    exchanges: [],
    queues: [{ name: n(suffix), arguments: { ...quorum, ...more } }],
    bindings: [],
  });

  beforeEach(async function () {
    this.timeout(90_000);
    real = await testBroker();
    proxy = await tcpProxy(real.amqpUrl);
    metrics = createMetrics();
    broker = createRabbitBroker({
      url: proxy.through(real.amqpUrl),
      managementUrl: real.managementUrl,
      connectionName: n('test'),
      logger: silentLogger(),
      metrics,
    });
    await broker.ready();
  });
  afterEach(async () => {
    await broker.close();
    await proxy.close();
    await cleanUp(real.prefix);
  });

  it('rejects every publish in flight when the socket drops', async () => {
    await broker.applyTopology(one('q'));
    const publisher = broker.createPublisher();
    await publisher.ready();
    proxy.freeze();
    const inFlight = Array.from({ length: 50 }, (_, i) => codeOf(publisher.publish(to(n('q'), `lost${i}`))));
    proxy.cut();
    expect(new Set(await Promise.all(inFlight))).to.deep.equal(new Set(['broker.disconnected']));
    proxy.thaw();
    await publisher.ready();
    await publisher.publish(to(n('q'), 'after'));
    expect((await broker.queueDepth(n('q')))?.ready).to.equal(1);
  });

  it('loses no confirmed message over fourteen dropped sockets', async () => {
    await broker.applyTopology(one('q'));
    const publisher = broker.createPublisher();
    const confirmed = new Set<string>();
    for (let round = 0; round < 14; round += 1) {
      await publisher.ready();
      const ids = Array.from({ length: 20 }, (_, i) => `r${round}.${i}`);
      const publishes = ids.map(async (id) => {
        if ((await codeOf(publisher.publish(to(n('q'), id)))) === undefined) confirmed.add(id);
      });
      if (round % 2 === 0) await publishes[0];
      proxy.cut();
      await Promise.all(publishes);
    }
    expect(confirmed.size).to.be.greaterThan(0);
    const received = inbox<Delivery>();
    await broker.ready();
    broker.consume(n('q'), { prefetch: 100, onDelivery: received.put });
    const missing = new Set(confirmed);
    while (missing.size > 0) {
      const delivery = await received.next();
      missing.delete(delivery.properties.messageId ?? '');
      delivery.ack();
    }
  });

  it('publishes to a full queue again once its limit is removed, although no message was consumed', async () => {
    await broker.applyTopology(one('q', { 'x-overflow': 'reject-publish' }));
    const policy = `operator-policies/%2F/${n('limit')}`;
    await manage(real.managementUrl, 'PUT', policy, {
      pattern: `^${n('q')}$`,
      'apply-to': 'queues',
      definition: { 'max-length': 1 },
    });
    const publisher = broker.createPublisher();
    const publish = async (id: string) => {
      await publisher.ready();
      return codeOf(publisher.publish(to(n('q'), id)));
    };
    await eventually(async () => (await publish('m')) === 'broker.nacked');
    await manage(real.managementUrl, 'DELETE', policy);
    await eventually(async () => (await publish('m')) === undefined);
  });

  it('rejects a publish with broker.timeout when the broker does not respond', async () => {
    await broker.applyTopology(one('q'));
    const publisher = broker.createPublisher({ timeout: 100 });
    await publisher.ready();
    proxy.freeze();
    expect(await codeOf(publisher.publish(to(n('q'), 'm1')))).to.equal('broker.timeout');
    proxy.thaw();
    await publisher.publish(to(n('q'), 'm2'));
  });

  it('keeps the order of messages published before and after a reset', async () => {
    await broker.applyTopology(one('q'));
    const publisher = broker.createPublisher();
    const order: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      await publisher.ready();
      const inFlight = Array.from({ length: 30 }, (_, i) => codeOf(publisher.publish(to(n('q'), `${round}:${i}`))));
      publisher.reset();
      await Promise.all(inFlight);
    }
    await publisher.ready();
    await publisher.publish(to(n('q'), 'end'));
    const received = inbox<Delivery>();
    broker.consume(n('q'), { prefetch: 1000, onDelivery: received.put });
    for (let id = ''; id !== 'end';) {
      id = (await received.next()).properties.messageId ?? '';
      if (id !== 'end') order.push(id);
    }
    const rank = (id: string) => id.split(':').reduce((sum, part) => sum * 1000 + Number(part), 0);
    expect(order).to.deep.equal([...order].sort((a, b) => rank(a) - rank(b)));
  });

  it('rejects messages that AMQP cannot encode, without losing the channel', async () => {
    await broker.applyTopology(one('q'));
    const publisher = broker.createPublisher();
    await publisher.ready();
    const large = { ...to(n('q'), 'm1'), properties: { messageId: 'm1', headers: { stack: 'x'.repeat(70_000) } } };
    const neighbour = publisher.publish(to(n('q'), 'm0'));
    expect(await codeOf(publisher.publish(large))).to.equal('broker.unencodable');
    expect(await codeOf(publisher.publish({ ...to('k'.repeat(300), 'm2') }))).to.equal('broker.unencodable');
    await neighbour;
    await publisher.publish(to(n('q'), 'm3'));
    expect(publisher.state).to.equal('ready');
  });

  it('ignores an ack for a lost connection, so that the channel of the next one stays open', async () => {
    await broker.applyTopology(one('q'));
    const publisher = broker.createPublisher();
    await publisher.ready();
    const received = inbox<Delivery>();
    broker.consume(n('q'), { prefetch: 10, onDelivery: received.put });
    await publisher.publish(to(n('q'), 'm1'));
    const before = await received.next();
    proxy.cut();
    const after = await received.next();
    before.ack();
    before.requeue();
    after.ack();
    await publisher.ready();
    await publisher.publish(to(n('q'), 'm2'));
    const next = await received.next();
    expect(next.properties.messageId).to.equal('m2');
    expect(after.lost.aborted).to.equal(false);
    next.ack();
  });

  it('ignores acks from a listener of `lost`, on any channel', async () => {
    await broker.applyTopology({ ...one('q'), queues: [...one('q').queues, ...one('p').queues] });
    const publisher = broker.createPublisher();
    await publisher.ready();
    const received = inbox<Delivery>();
    for (const queue of [n('q'), n('p')]) broker.consume(queue, { prefetch: 10, onDelivery: received.put });
    await publisher.publish(to(n('q'), 'm1'));
    await publisher.publish(to(n('p'), 'm2'));
    const both = [await received.next(), await received.next()];
    for (const { lost } of both) lost.addEventListener('abort', () => both.forEach((each) => each.ack()));
    proxy.cut();
    for (const again of [await received.next(), await received.next()]) again.ack();
  });

  it('publishes and consumes over one connection if that is requested', async () => {
    await broker.applyTopology(one('q'));
    const before = proxy.accepted;
    const single = createRabbitBroker({
      url: proxy.through(real.amqpUrl),
      connectionName: n('single'),
      oneConnection: true,
      logger: silentLogger(),
    });
    await single.ready();
    const publisher = single.createPublisher();
    await publisher.ready();
    await publisher.publish(to(n('q'), 'm1'));
    expect((await single.queueDepth(n('q')))?.ready).to.equal(1);
    expect(proxy.accepted - before).to.equal(1);
    await single.close();
    expect(single.state).to.equal('closed');
  });

  it('reports a different argument as one topology_conflict, also without the management API, and stays connected', async () => {
    await broker.applyTopology(one('q'));
    const logger = silentLogger();
    const plain = createRabbitBroker({ url: real.amqpUrl, connectionName: n('plain'), logger });
    const states: string[] = [];
    await plain.ready();
    plain.onState((state) => states.push(state));
    const wanted: Topology = {
      exchanges: [{ name: n('new'), type: 'topic' }],
      queues: [...one('q', { 'x-delivery-limit': 7 }).queues],
      bindings: [],
    };
    const error = await errorOf(plain.applyTopology(wanted));
    expect(error).to.have.property('code', 'broker.topology_conflict');
    expect(error?.message).to.include(n('q')).and.include('x-delivery-limit');
    expect(states).to.deep.equal([]);
    expect(await plain.planTopology(wanted)).to.deep.equal([
      { kind: 'exchange', name: n('new'), problem: 'missing', detail: 'does not exist' },
    ]);
    await plain.close();
  });

  it('reports an exchange of another type as a conflict', async () => {
    await broker.applyTopology({ exchanges: [{ name: n('x'), type: 'topic' }], queues: [], bindings: [] });
    const error = await errorOf(
      broker.applyTopology({ exchanges: [{ name: n('x'), type: 'fanout' }], queues: [], bindings: [] }),
    );
    expect(error).to.have.property('code', 'broker.topology_conflict');
    expect(error?.message).to.include(n('x')).and.include('topic').and.include('fanout');
  });

  it('reports the error of the broker when a topology is invalid, and does not retry forever', async () => {
    const error = await errorOf(
      broker.applyTopology({
        ...one('q'),
        bindings: [{ source: n('no-exchange'), destination: n('q'), kind: 'queue', routingKey: '#' }],
      }),
    );
    expect(error?.message).to.include('NOT_FOUND').and.include(n('no-exchange'));
  });

  it('applies the topology of a fleet, and finds no difference afterwards', async () => {
    const topology = topologyOf([{ name: 'payment', patterns: ['payment.*'], retryDelays: [100, 60_000] }], {
      prefix: real.prefix,
      log: { maxAge: '1D', maxBytes: 100_000_000 },
      unroutedMax: 100,
    });
    await broker.applyTopology(topology);
    expect(await broker.planTopology(topology)).to.deep.equal([]);
    const publisher = broker.createPublisher();
    await publisher.ready();
    const event = (type: string) => ({
      exchange: n('events'),
      routingKey: type,
      body: Buffer.from('{}'),
      properties: { messageId: type, type },
      mandatory: true,
    });
    await publisher.publish(event('payment.process'));
    await publisher.publish(event('nobody.wants'));
    await eventually(async () => (await broker.queueDepth(n('events.unrouted.messages')))?.ready === 1);
    await eventually(async () => (await broker.queueDepth(n('payment')))?.ready === 1);
    await publisher.publish(to(n('payment.retry.100ms'), 'retried'));
    await eventually(async () => (await broker.queueDepth(n('payment')))?.ready === 2);
    expect((await broker.queueDepth(n('payment.dead')))?.ready).to.equal(0);
  });

  it('keeps requeued messages, however often the connection is lost, without reaching the delivery limit', async () => {
    const topology = topologyOf([{ name: 'w', patterns: ['a.b'], retryDelays: [] }], {
      prefix: real.prefix,
      log: { maxAge: '1D', maxBytes: 100_000_000 },
      unroutedMax: 100,
    });
    await broker.applyTopology(topology);
    const publisher = broker.createPublisher();
    await publisher.ready();
    for (let i = 0; i < 20; i += 1) await publisher.publish(to(n('w'), `m${i}`));
    const received = inbox<Delivery>();
    const consumer = broker.consume(n('w'), { prefetch: 40, onDelivery: received.put });
    for (let round = 0; round < 6; round += 1) {
      let last: Delivery | undefined;
      for (let i = 0; i < 20; i += 1) {
        last = await received.next();
        expect(last.properties.messageId, 'the order is kept').to.equal(`m${i}`);
      }
      proxy.cut();
      await eventually(async () => last?.lost.aborted === true);
    }
    await consumer.close();
    await eventually(async () => (await broker.queueDepth(n('w')))?.ready === 20);
    expect((await broker.queueDepth(n('w.dead')))?.ready).to.equal(0);
  });

  it('delivers messages of foreign publishers without properties and without a body', async () => {
    await broker.applyTopology(one('q'));
    const connection = await connect(real.amqpUrl);
    const channel = await connection.createConfirmChannel();
    channel.sendToQueue(n('q'), Buffer.alloc(0));
    await channel.waitForConfirms();
    await connection.close();
    const received = inbox<Delivery>();
    broker.consume(n('q'), { prefetch: 10, onDelivery: received.put });
    const delivery = await received.next();
    expect(delivery.body.length).to.equal(0);
    expect(delivery.properties.headers).to.deep.equal({});
    expect(delivery.properties.messageId).to.equal(undefined);
    delivery.ack();
  });

  it('reports a refused permission to publish until a message is confirmed', async () => {
    await broker.applyTopology(one('q'));
    const user = n('reader');
    const permit = (write: string) =>
      manage(real.managementUrl, 'PUT', `permissions/%2F/${user}`, { configure: '', write, read: '.*' });
    await manage(real.managementUrl, 'PUT', `users/${user}`, { password: 'a-password', tags: '' });
    await permit('');
    const url = Object.assign(new URL(real.amqpUrl), { username: user, password: 'a-password' }).href;
    const limited = createRabbitBroker({ url, connectionName: n('limited'), logger: silentLogger() });
    try {
      await limited.ready();
      const publisher = limited.createPublisher();
      const publish = async () => {
        await publisher.ready();
        return codeOf(publisher.publish(to(n('q'), 'm')));
      };
      expect(limited.publishRefusal).to.equal(undefined);
      expect(await publish()).to.equal('broker.not_permitted');
      expect(limited.publishRefusal).to.include({ code: 'broker.not_permitted' });
      await permit('.*');
      await eventually(async () => (await publish()) === undefined);
      expect(limited.publishRefusal).to.equal(undefined);
    } finally {
      await limited.close();
      await manage(real.managementUrl, 'DELETE', `users/${user}`);
    }
  });

  it('reports the state of each connection as a metric', async () => {
    const states = async () => (await metrics.brokerState.get()).values.map(({ value }) => value);
    expect(await states()).to.deep.equal([1, 1]);
    proxy.shut();
    await eventually(async () => broker.state === 'connecting');
    expect(await states()).to.include(0);
    proxy.open();
    await broker.ready();
    expect(await states()).to.deep.equal([1, 1]);
  });

  it('does not log the password, whether it connects or not', async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'debug' });
    logger.on('data', (line) => lines.push(JSON.stringify(line)));
    logger.silent = false;
    logger.transports.forEach((transport) => (transport.silent = true));
    const url = new URL(real.amqpUrl);
    url.password = 'hunter2';
    const refused = createRabbitBroker({ url: url.toString(), connectionName: n('refused'), logger });
    await eventually(async () => lines.some((line) => line.includes('cannot connect to the broker')));
    await refused.close();
    expect(lines.join('\n')).not.to.include('hunter2');
  });

  it('may start before the broker', async () => {
    proxy.shut();
    const early = createRabbitBroker({
      url: proxy.through(real.amqpUrl),
      connectionName: n('early'),
      logger: silentLogger(),
    });
    const publisher = early.createPublisher();
    const received = inbox<Delivery>();
    early.consume(n('q'), { prefetch: 10, onDelivery: received.put });
    const applied = early.applyTopology(one('q'));
    proxy.open();
    await applied;
    await publisher.ready();
    await publisher.publish(to(n('q'), 'm1'));
    (await received.next()).ack();
    await early.close();
  });

  it('closes immediately while the broker is unavailable', async () => {
    proxy.shut();
    const early = createRabbitBroker({
      url: proxy.through(real.amqpUrl),
      connectionName: n('early'),
      logger: silentLogger(),
    });
    early.createPublisher();
    early.consume(n('q'), { prefetch: 1, onDelivery: () => undefined });
    const waiting = codeOf(early.ready());
    await early.close();
    expect(await waiting).to.equal('broker.closed');
    proxy.open();
  });

  it('leaves no connection behind when it is closed', async () => {
    const management = createManagement({ url: real.managementUrl });
    expect((await management.overview()).version).to.match(/^\d+\.\d+/);
    expect(await management.alarms()).to.deep.equal([]);
    await broker.close();
    // the management API reports the end of a connection with a delay
    await eventually(async () => {
      const response = await fetch(`${new URL(real.managementUrl).origin}/api/connections`, {
        headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` },
      });
      return !(await response.text()).includes(n('test'));
    });
  });

  it('reports the status when the management API rejects a request', async () => {
    const url = new URL(real.managementUrl);
    url.password = 'wrong';
    const error = await errorOf(createManagement({ url: url.toString() }).queues());
    expect(error).to.have.property('code', 'broker.management');
    expect(error?.message).to.include('401').and.not.include('wrong');
  });
});
