import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Broker, Delivery } from '../../../src/broker/broker.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import type { RabbitNode } from '../../../src/supervisor/broker/rabbitmq-node.js';
import {
  adoptRabbitNode,
  endRabbitNode,
  rabbitmqctl,
  startRabbitNode,
} from '../../../src/supervisor/broker/rabbitmq-node.js';
import { vmThreads } from '../../../src/supervisor/broker/rabbitmq-node/layout.js';
import { restartBrokerOnExit } from '../../../src/supervisor/broker/restart-broker.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { codeOf } from '../../contract/broker.js';
import { inbox } from '../../support/inbox.js';
import { eventually } from '../../support/eventually.js';
import { recordingLogger } from '../../support/recording-logger.js';

const logger = silentLogger();

describe('a private RabbitMQ node', function () {
  this.timeout(120_000);
  let dataDir: string;
  let node: RabbitNode;
  let takenPort: number;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'flotilla-node-'));
    expect(await adoptRabbitNode(dataDir, { logger })).to.equal(undefined);
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    ({ port: takenPort } = squatter.address() as AddressInfo);
    node = await startRabbitNode({ dataDir, logger, amqpPort: takenPort });
    squatter.close();
  });
  after(async () => {
    await endRabbitNode(dataDir);
    await rm(dataDir, { recursive: true, force: true });
  });

  it('uses the next free port, is adopted by a second process, and answers rabbitmqctl', async () => {
    expect(Number(new URL(node.amqpUrl).port)).to.be.greaterThan(takenPort);
    const adopted = await adoptRabbitNode(dataDir, { logger });
    expect(adopted).to.include({ pid: node.pid, amqpUrl: node.amqpUrl, managementUrl: node.managementUrl });
    const { server } = await recordOf(dataDir);
    const { stdout } = await promisify(execFile)(join(dirname(server), 'rabbitmqctl'), ['-q', 'list_users'], {
      env: { PATH: process.env.PATH, RABBITMQ_CONF_ENV_FILE: join(dataDir, 'rabbitmq-env.conf') },
    });
    expect(stdout).to.contain('guest');
  });

  it('leaves half of the cores to the fleet, and has at least one scheduler', async () => {
    const schedulersFor = (cores: number) => Number(/\+S (\d+):\d+ /.exec(vmThreads(cores))?.[1]);
    expect([1, 2, 3, 4, 16].map(schedulersFor)).to.deep.equal([1, 1, 1, 2, 8]);
    const running = await rabbitmqctl(node, ['-q', 'eval', 'erlang:system_info(schedulers_online).']);
    expect(Number(running)).to.equal(schedulersFor(availableParallelism()));
  });

  it('is not mistaken for the node of another fleet, which has the same name and chose the same ports', async () => {
    const directory = join(dataDir, 'other');
    await mkdir(directory);
    await copyFile(join(dataDir, 'rabbit.pid'), join(directory, 'rabbit.pid'));
    const record = await recordOf(dataDir);
    const adopted = async (ports: Record<string, number>) => {
      await writeFile(
        join(directory, 'node.json'),
        JSON.stringify({ ...record, ports: { ...record.ports, ...ports } }),
      );
      return (await adoptRabbitNode(directory, { logger }))?.pid;
    };
    expect(await adopted({})).to.equal(node.pid);
    expect(await adopted({ distribution: takenPort })).to.equal(undefined);
    await rm(directory, { recursive: true });
  });

  describe('when it is killed or blocked', () => {
    let broker: Broker;
    const message = (id: string) => ({
      exchange: '',
      routingKey: 'q',
      body: Buffer.from(id),
      properties: { messageId: id },
      mandatory: true,
    });

    before(async () => {
      broker = createRabbitBroker({
        url: node.amqpUrl,
        managementUrl: node.managementUrl,
        connectionName: 'own',
        logger,
        publishTimeout: 60_000,
      });
      await broker.applyTopology({
        exchanges: [],
        queues: [{ name: 'q', arguments: { 'x-queue-type': 'quorum' } }],
        bindings: [],
      });
    });
    after(async () => {
      await broker.close();
    });

    it('rejects publishes immediately while it is blocked, and accepts them afterwards', async () => {
      const publisher = broker.createPublisher();
      await publisher.ready();
      await rabbitmqctl(node, ['set_vm_memory_high_watermark', 'absolute', '1MB']);
      await eventually(async () => (await createManagement({ url: node.managementUrl }).alarms()).length > 0);
      // the broker notifies a connection only when it publishes
      const inFlight = codeOf(publisher.publish(message('m1')));
      await eventually(async () => publisher.state === 'blocked');
      expect(broker.state).to.equal('blocked');
      expect(await codeOf(publisher.publish(message('m2')))).to.equal('broker.disconnected');
      await rabbitmqctl(node, ['set_vm_memory_high_watermark', '0.6']);
      await Promise.all([publisher.ready(), broker.ready()]);
      expect(await inFlight).to.equal(undefined);
      await publisher.publish(message('m3'));
      await eventually(async () => (await broker.queueDepth('q'))?.ready === 2);
      await publisher.close();
    });

    it('does not take a queue for empty whose leader does not answer', async () => {
      const leader = "whereis('%2F_q')";
      await rabbitmqctl(node, ['eval', `sys:suspend(${leader}).`]);
      expect(await codeOf(broker.queueDepth('q'))).to.equal('broker.no_answer');
      await rabbitmqctl(node, ['eval', `sys:resume(${leader}).`]);
      expect(await broker.queueDepth('q')).to.deep.equal({ ready: 2, consumers: 0 });
    });

    it('times out a publish in flight when it is blocked, and recovers from a reset meanwhile', async () => {
      const publisher = broker.createPublisher({ timeout: 300 });
      await publisher.ready();
      await rabbitmqctl(node, ['set_vm_memory_high_watermark', 'absolute', '1MB']);
      await eventually(async () => (await createManagement({ url: node.managementUrl }).alarms()).length > 0);
      expect(await codeOf(publisher.publish(message('m4')))).to.equal('broker.timeout');
      publisher.reset();
      await rabbitmqctl(node, ['set_vm_memory_high_watermark', '0.6']);
      await publisher.ready();
      await publisher.publish(message('m5'));
      await publisher.close();
    });

    // in one test, because a node takes 8 s of processor time to start again
    it('names the program that has taken its port after kill -9, and recovers consumers, publishers and every confirmed message when it is free', async () => {
      const publisher = broker.createPublisher();
      await publisher.ready();
      await publisher.publish(message('before'));
      const seen = inbox<Delivery>();
      const consumer = broker.consume('q', { prefetch: 1, onDelivery: seen.put });
      await seen.next();
      const port = Number(new URL(node.amqpUrl).port);
      const foreign = createServer((socket) => socket.destroy()).on('error', () => undefined);
      const { logger: recorded, lines } = recordingLogger('debug');
      await node.kill();
      await eventually(async () => broker.state === 'connecting' && !consumer.consuming);
      expect(await codeOf(publisher.publish(message('lost')))).to.equal('broker.disconnected');
      await eventually(() => foreign.listening || !foreign.listen(port, '127.0.0.1'), { every: 100 });
      const watch = restartBrokerOnExit(node, recorded);
      try {
        await eventually(() => lines.some(({ level }) => level === 'error'));
        const error = lines.find(({ level }) => level === 'error')?.error;
        expect(error).to.match(
          new RegExp(`^The private broker did not start: port ${port} is taken by [^;\n]+; end or`),
        );
        if (existsSync('/usr/bin/ss')) expect(error).to.contain(`(pid ${process.pid})`);
        foreign.close();
        await eventually(async () => (await adoptRabbitNode(dataDir, { logger })) !== undefined);
      } finally {
        foreign.close();
        await watch.end();
      }
      await Promise.all([broker.ready(), publisher.ready()]);
      await publisher.publish(message('after'));
      for (let id = ''; id !== 'after';) {
        const delivery = await seen.next();
        const before = id;
        id = delivery.properties.messageId ?? '';
        if (id === 'after') expect(before).to.equal('before');
        delivery.ack();
      }
      await consumer.close();
    });
  });

  describe('when it is stopped or does not start', () => {
    it('leaves no process behind', async () => {
      const { ports } = await recordOf(dataDir);
      const adopted = await adoptRabbitNode(dataDir, { logger });
      await adopted?.stop();
      await node.stop();
      expect(await adoptRabbitNode(dataDir, { logger })).to.equal(undefined);
      for (const each of Object.values(ports)) expect(await answers(each), `port ${each}`).to.equal(false);
    });

    it('starts a second time after a failure, then names its log', async () => {
      const failing = join(dataDir, 'failing');
      const server = join(failing, 'server');
      await mkdir(failing);
      await writeFile(server, '#!/bin/sh\necho start >> starts\necho register/listen error: econnrefused\nexit 1\n');
      await chmod(server, 0o755);
      const error: unknown = await startRabbitNode({ dataDir: failing, logger, server }).catch(
        (failure: unknown) => failure,
      );
      expect(error).to.have.property('code', 'broker.not_started');
      expect(error)
        .to.have.property('message')
        .that.contains(join(failing, 'log', 'startup.log'))
        .and.contains('econnrefused');
      expect(await readFile(join(failing, 'starts'), 'utf8')).to.equal('start\nstart\n');
    });

    for (const reason of ['eaddrinuse', 'dist_port_already_used']) {
      it(`starts at most five times while other processes take its ports (${reason}), and reports one line`, async () => {
        const failing = join(dataDir, reason);
        const server = join(failing, 'server');
        await mkdir(failing);
        await writeFile(server, `#!/bin/sh\necho start >> starts\necho '{error,'\necho '{${reason},5672}}'\nexit 1\n`);
        await chmod(server, 0o755);
        const { logger: recorded, lines } = recordingLogger('warn');
        const error: unknown = await startRabbitNode({ dataDir: failing, logger: recorded, server }).catch(
          (failure: unknown) => failure,
        );
        const message =
          'The private broker did not start: RabbitMQ ended: another program took one of its ports; ' +
          `see ${join(failing, 'log', 'startup.log')}`;
        expect(error).to.have.property('message', message);
        expect(lines.map((line) => line.error)).to.deep.equal(Array.from({ length: 4 }, () => message));
        expect(await readFile(join(failing, 'starts'), 'utf8')).to.equal('start\n'.repeat(5));
      });
    }

    it('stops starting when the signal aborts, and leaves no process behind', async () => {
      const giveUp = new AbortController();
      const reason = new Error('enough');
      const start = startRabbitNode({ dataDir, logger, signal: giveUp.signal });
      giveUp.abort(reason);
      expect(await codeOf(start)).to.equal('enough');
      expect(await adoptRabbitNode(dataDir, { logger })).to.equal(undefined);
    });
  });
});

interface NodeRecord {
  ports: Record<string, number>;
  server: string;
}

async function recordOf(dataDir: string): Promise<NodeRecord> {
  return JSON.parse(await readFile(join(dataDir, 'node.json'), 'utf8')) as NodeRecord;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
