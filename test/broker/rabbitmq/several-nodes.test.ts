import { expect } from 'chai';
import type { Broker, Delivery } from '../../../src/broker/broker.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import type { RabbitBrokerOptions } from '../../../src/broker/rabbitmq/broker.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { codeOf } from '../../contract/broker.js';
import { inbox } from '../../support/inbox.js';
import { cleanUp, testBroker, type TestBroker } from '../../support/rabbitmq.js';
import { tcpProxy, type TcpProxy } from '../../support/tcp-proxy.js';
import { eventually } from '../../support/eventually.js';

/** Two proxies of one broker stand for two nodes of a cluster. */
describe('a broker of several nodes', function () {
  this.timeout(90_000);
  let real: TestBroker;
  let nodes: [TcpProxy, TcpProxy];
  const brokers: Broker[] = [];
  beforeEach(async () => {
    real = await testBroker();
    nodes = [await tcpProxy(real.amqpUrl), await tcpProxy(real.amqpUrl)];
  });
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()));
    for (const node of nodes) await node.close();
    await cleanUp(real.prefix);
  });

  const open = (options: Partial<RabbitBrokerOptions> = {}) => {
    const broker = createRabbitBroker({
      url: nodes.map((node) => node.through(real.amqpUrl)).join(','),
      connectionName: `${real.prefix}test`,
      logger: silentLogger(),
      ...options,
    });
    brokers.push(broker);
    return broker;
  };
  const queue = () => `${real.prefix}q`;
  const message = (id: string) => ({
    exchange: '',
    routingKey: queue(),
    body: Buffer.from(id),
    properties: { messageId: id },
    mandatory: true,
  });
  const declare = (broker: Broker) =>
    broker.applyTopology({
      exchanges: [],
      queues: [{ name: queue(), arguments: { 'x-queue-type': 'quorum' } }],
      bindings: [],
    });

  it('has its publishing and consuming connections on different nodes', async () => {
    await open().ready();
    expect(nodes.map((node) => node.connections)).to.deep.equal([1, 1]);
  });

  it('remains usable over the other node when one refuses connections', async () => {
    const broker = open();
    await declare(broker);
    const received = inbox<Delivery>();
    broker.consume(queue(), { prefetch: 10, onDelivery: received.put });
    const publisher = broker.createPublisher();
    for (const [index, node] of [...nodes, ...nodes].entries()) {
      node.shut();
      await eventually(async () => broker.state === 'ready');
      await eventually(async () => (await codeOf(publisher.publish(message(`m${index}`)))) === undefined);
      (await received.next()).ack();
      node.open();
    }
  });

  it('is opened over the other node when one accepts connections and does not respond', async () => {
    nodes[0].freeze();
    const broker = open();
    await broker.ready();
    expect(nodes[1].connections).to.equal(2);
    nodes[0].thaw();
  });

  it('is published to over the other node when one does not confirm', async () => {
    const broker = open({ publishTimeout: 500 });
    await declare(broker);
    const publisher = broker.createPublisher();
    await publisher.ready();
    const [first, second] = nodes;
    // only the node of the publishing connection makes a publish time out
    first.freeze();
    const frozenFirst = (await codeOf(publisher.publish(message('m1')))) === 'broker.timeout';
    if (!frozenFirst) {
      first.thaw();
      second.freeze();
      expect(await codeOf(publisher.publish(message('m2')))).to.equal('broker.timeout');
    }
    await eventually(async () => (await codeOf(publisher.publish(message('m3')))) === undefined);
  });

  it('is managed over the other node when one is unavailable, and over that one first afterwards', async () => {
    const ways = [await tcpProxy(real.managementUrl), await tcpProxy(real.managementUrl)] as const;
    const url = ways.map((way) => way.through(real.managementUrl)).join(',');
    const management = createManagement({ url });
    for (const [away, other] of [ways, [...ways].reverse()] as const) {
      away?.shut();
      await management.overview();
      expect(other?.accepted).to.be.greaterThan(0);
      away?.open();
      const before = away?.accepted;
      await management.overview();
      expect(away?.accepted).to.equal(before);
    }
    for (const way of ways) await way.close();
  });
});
