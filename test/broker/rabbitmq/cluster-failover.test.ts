import { expect } from 'chai';
import type { Broker } from '../../../src/broker/broker.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { codeOf } from '../../contract/broker.js';
import { testCluster, type TestCluster } from '../../support/cluster.js';
import { manage } from '../../support/management.js';
import { eventually } from '../../support/eventually.js';

describe('a cluster whose nodes are killed one after another', function () {
  this.timeout(300_000);
  let cluster: TestCluster;
  let brokers: Broker[];
  before(async () => (cluster = await testCluster()));
  afterEach(async () => void (await Promise.all(brokers.map((broker) => broker.close()))));

  const all = (urlOf: (node: TestCluster['nodes'][number]) => string) => cluster.nodes.map(urlOf).join(',');
  /** The nodes with connections of the test, as reported by node `index`. */
  async function connectedTo(index: number): Promise<Set<string>> {
    const connections = (await manage(cluster.nodes[index]?.managementUrl ?? '', 'GET', 'connections')) as {
      node: string;
      client_properties?: { connection_name?: string };
    }[];
    const ours = connections.filter(({ client_properties: client }) => client?.connection_name?.startsWith('failover'));
    return new Set(ours.map(({ node }) => node));
  }

  it('remains usable within seconds, over connections to several nodes', async () => {
    brokers = Array.from({ length: 3 }, (_, n) =>
      createRabbitBroker({
        url: all(({ amqpUrl }) => amqpUrl),
        managementUrl: all(({ managementUrl }) => managementUrl),
        connectionName: `failover ${n}`,
        logger: silentLogger(),
      }),
    );
    const queues = brokers.map((_, n) => `failover.${n}`);
    const confirmed = new Set<string>();
    const received = new Set<string>();
    for (const [n, broker] of brokers.entries()) {
      await broker.applyTopology({
        exchanges: [],
        queues: [{ name: `failover.${n}`, arguments: { 'x-queue-type': 'quorum' } }],
        bindings: [],
      });
    }
    const publishers = brokers.map((broker, n) => {
      broker.consume(queues[n] ?? '', {
        prefetch: 10,
        onDelivery: (delivery) => {
          received.add(delivery.properties.messageId ?? '');
          delivery.ack();
        },
      });
      return broker.createPublisher();
    });
    const passes = (round: string) =>
      Promise.all(
        publishers.map(async (publisher, n) => {
          const id = `${round}.${n}`;
          const properties = { messageId: id };
          const message = {
            exchange: '',
            routingKey: queues[n] ?? '',
            body: Buffer.from(id),
            properties,
            mandatory: true,
          };
          await eventually(`${id} is confirmed`, async () => (await codeOf(publisher.publish(message))) === undefined);
          confirmed.add(id);
          await eventually(`${id} is received`, () => received.has(id));
        }),
      );

    await passes('before');
    await eventually('connections to several nodes are reported', async () => (await connectedTo(0)).size > 1);
    // the first one has the management API that is called first; `npm run chaos` kills each
    for (const index of [0, 1]) {
      await cluster.kill(index);
      await passes(`without ${index}`);
      await brokers[0]?.planTopology({ exchanges: [], queues: [], bindings: [] });
      await cluster.start(index);
    }
    expect([...confirmed].filter((id) => !received.has(id))).to.deep.equal([]);
  });
});
