import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { expect } from 'chai';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { endRabbitNode, startRabbitNode } from '../../../src/supervisor/broker/rabbitmq-node.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { codeOf } from '../../contract/broker.js';
import { eventually } from '../../support/eventually.js';

const QUEUES = 40;

describe('a private RabbitMQ node that is killed while its first queues are declared', function () {
  this.timeout(120_000);
  let dataDir: string;
  before(async () => (dataDir = await mkdtemp(join(tmpdir(), 'flotilla-declared-'))));
  after(async () => {
    await endRabbitNode(dataDir);
    await rm(dataDir, { recursive: true, force: true });
  });

  it('has usable queues and streams after its restart', async () => {
    const node = await startRabbitNode({ dataDir, logger: silentLogger() });
    const connection = await connect(node.amqpUrl);
    connection.on('error', () => undefined);
    const declare = async (name: string, type: string) => {
      const channel = await connection.createChannel();
      channel.on('error', () => undefined);
      await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': type } });
    };
    await declare('log', 'stream');
    const names = Array.from({ length: QUEUES }, (_, n) => `q${n}`);
    const declaring = names.map((name) => declare(name, 'quorum'));
    void Promise.allSettled(declaring);
    await Promise.race(declaring);
    await node.kill();
    await node.restart();

    const broker = createRabbitBroker({
      url: node.amqpUrl,
      connectionName: 'test',
      logger: silentLogger(),
      publishTimeout: 3000,
    });
    try {
      const publisher = broker.createPublisher();
      await publisher.ready();
      const codes = new Map<string, string | undefined>();
      const publish = (routingKey: string) =>
        publisher.publish({ exchange: '', routingKey, body: Buffer.from('m'), properties: {}, mandatory: true });
      for (const name of names) codes.set(name, await codeOf(publish(name)));
      // those whose declaration had not begun return the message
      const unusable = [...codes].filter(([, code]) => code !== undefined && code !== 'broker.returned');
      expect(unusable).to.deep.equal([]);
      // RabbitMQ accepts connections shortly before streams
      await eventually(async () => (await codeOf(publish('log'))) === undefined);
      expect([...codes.values()].filter((code) => code === undefined).length).to.be.greaterThan(0);
    } finally {
      await broker.close();
    }
  });
});
